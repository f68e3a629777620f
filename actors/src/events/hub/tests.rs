use std::sync::atomic::{AtomicUsize, Ordering};

use becamera_domain::{CameraId, LiveKey};

use super::*;

#[derive(Default)]
struct Numbers(AtomicUsize);

impl EventEncoder for Numbers {
    fn event(&self, id: EventId, _: &LiveEvent, _: &LiveState) -> Bytes {
        self.0.fetch_add(1, Ordering::SeqCst);
        id.number.to_string().into()
    }

    fn heartbeat(&self, newest: EventId) -> Bytes {
        format!("beat {}", newest.number).into()
    }
}

fn hub(settings: EventSettings) -> EventHub {
    EventHub::new(1, &settings, Arc::new(Numbers::default()), Metrics::new("test").unwrap())
}

fn deleted(camera: i64) -> LiveEvent {
    LiveEvent::Removed(LiveKey::Camera(CameraId::try_from(camera).unwrap()))
}

fn subscribe(last_event_id: Option<String>) -> Subscribe {
    let (filter, disconnect) = (EventFilter::default(), Disconnect(Box::new(|| {})));
    Subscribe { filter, last_event_id, disconnect }
}

fn drain(events: &mut Receiver<Bytes>) -> Vec<Bytes> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

#[test]
fn an_event_is_encoded_once_for_all_and_filtered_for_each() {
    let numbers = Arc::new(Numbers::default());
    let settings = EventSettings::default();
    let mut hub = EventHub::new(1, &settings, numbers.clone(), Metrics::new("test").unwrap());
    let mut all: Vec<_> = (0..5).map(|_| hub.subscribe(subscribe(None)).unwrap().events).collect();
    let cameras = Some([CameraId::try_from(2).unwrap()].into());
    let filter = EventFilter { cameras, kinds: None };
    let mut one = hub.subscribe(Subscribe { filter, ..subscribe(None) }).unwrap().events;
    [deleted(1), deleted(2), deleted(3)].into_iter().for_each(|event| hub.publish(event));
    assert_eq!(numbers.0.load(Ordering::SeqCst), 3);
    assert!(all.iter_mut().all(|events| drain(events) == ["1", "2", "3"]));
    assert_eq!(drain(&mut one), ["2"]);
}

#[test]
fn a_client_that_comes_back_goes_on_and_one_that_was_away_too_long_begins_anew() {
    let mut hub = hub(EventSettings { buffer: 2, ..EventSettings::default() });
    (1..=3).for_each(|camera| hub.publish(deleted(camera)));
    let start =
        |hub: &mut EventHub, id: &str| hub.subscribe(subscribe(Some(id.into()))).unwrap().start;
    let id = |number| EventId { epoch: 1, number }.to_string();
    assert!(matches!(start(&mut hub, &id(1)), Start::Missed(events) if events == ["2", "3"]));
    assert!(matches!(start(&mut hub, &id(3)), Start::Missed(events) if events.is_empty()));
    for unknown in [id(0), id(4), "x".into(), EventId { epoch: 2, number: 3 }.to_string()] {
        let start = start(&mut hub, &unknown);
        assert!(
            matches!(start, Start::Snapshot { id, reset: true, .. } if id.number == 3),
            "{unknown}: {start:?}"
        );
    }
    let fresh = hub.subscribe(subscribe(None)).unwrap().start;
    assert!(matches!(fresh, Start::Snapshot { reset: false, .. }));
}

#[test]
fn a_client_that_does_not_read_is_disconnected_and_the_others_are_not() {
    let mut hub = hub(EventSettings::default());
    let disconnected = Arc::new(AtomicUsize::new(0));
    let count = disconnected.clone();
    let disconnect = Disconnect(Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let mut slow = hub.subscribe(Subscribe { disconnect, ..subscribe(None) }).unwrap().events;
    let mut quick = hub.subscribe(subscribe(None)).unwrap().events;
    let mut seen = 0;
    for _ in 0..2 * QUEUE {
        hub.publish(deleted(1));
        seen += drain(&mut quick).len();
    }
    assert_eq!(seen, 2 * QUEUE);
    assert_eq!((hub.clients.len(), disconnected.load(Ordering::SeqCst)), (1, 1));
    assert_eq!((hub.metrics.sse_clients.get(), hub.metrics.sse_clients_dropped.get()), (1, 1));
    assert_eq!(drain(&mut slow).len(), QUEUE);
    assert!(slow.is_closed());
}

#[test]
fn a_client_that_is_gone_makes_room_and_a_stopping_hub_takes_none() {
    let mut hub = hub(EventSettings { max_clients: 2, ..EventSettings::default() });
    let first = hub.subscribe(subscribe(None)).unwrap();
    let _second = hub.subscribe(subscribe(None)).unwrap();
    assert_eq!(hub.subscribe(subscribe(None)).unwrap_err(), SubscribeError::TooManyClients(2));
    drop(first);
    let third = hub.subscribe(subscribe(None)).unwrap();
    assert_eq!(hub.metrics.sse_clients.get(), 2);
    hub.draining = true;
    hub.clients.clear();
    assert!(third.events.is_closed());
    assert_eq!(hub.subscribe(subscribe(None)).unwrap_err(), SubscribeError::Draining);
}

#[actix::test]
async fn heartbeats_come_by_themselves_and_tell_the_newest_id() {
    let heartbeat = Duration::from_millis(20);
    let addr = hub(EventSettings { heartbeat, ..EventSettings::default() }).start();
    addr.send(Publish(deleted(1))).await.unwrap();
    let mut events = addr.send(subscribe(None)).await.unwrap().unwrap().events;
    let beat = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap();
    assert_eq!(beat.unwrap(), "beat 1");
    drop(events);
    addr.send(CloseEvents).await.unwrap();
    assert!(addr.send(subscribe(None)).await.unwrap().is_err());
}
