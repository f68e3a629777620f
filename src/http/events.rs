//! `/events`: counts and states as they change, as server-sent events.

use std::{collections::BTreeSet, convert::Infallible, str::FromStr};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Bytes, Data},
};
use becamera_actors::events::{EventFilter, Start, Subscribe, Subscription};
use becamera_domain::{InvalidField, LiveKind};
use chrono::Utc;
use futures_util::{Stream, StreamExt, stream};

use super::{HttpState, ask::ask, connection, error::ApiError, query::Query, sse};

/// Subscribes to live events, from now on or from where the client was.
pub(super) async fn subscribe(
    state: Data<HttpState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let Wanted { filter, last_event_id } = read_request(&request)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, sse::MEDIA_TYPE))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies that gather answers before they pass them on are asked not to.
        .insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let disconnect = connection::disconnect(&request);
    let subscribe = Subscribe { filter: filter.clone(), last_event_id, disconnect };
    let subscription = ask(&state.events, subscribe).await??;
    Ok(response.streaming(body(subscription, &filter)))
}

fn body(
    Subscription { start, mut events }: Subscription,
    filter: &EventFilter,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let mut first = vec![sse::greeting()];
    match start {
        Start::Missed(missed) => first.extend(missed),
        Start::Snapshot { id, state, reset } => {
            if reset {
                first.push(sse::reset(id));
            }
            first.push(sse::snapshot(id, &state, filter, Utc::now()));
        }
    }
    let live = stream::poll_fn(move |cx| events.poll_recv(cx));
    stream::iter(first).chain(live).map(Ok)
}

#[derive(Debug)]
struct Wanted {
    filter: EventFilter,
    last_event_id: Option<String>,
}

fn read_request(request: &HttpRequest) -> Result<Wanted, ApiError> {
    let query = Query::parse(request.query_string(), &["cameras", "types", "last_event_id"])?;
    let filter = EventFilter {
        cameras: set(&query, "cameras", &format!("camera numbers from 1 to {}", i32::MAX))?,
        kinds: set(&query, "types", &kinds())?,
    };
    // A client that lost its connection sends the header of its own accord, while the parameter
    // is still the one of its first call.
    let header = request.headers().get("last-event-id");
    let last_event_id = header
        .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
        .or_else(|| query.text("last_event_id").map(str::to_owned))
        .filter(|id| !id.is_empty());
    Ok(Wanted { filter, last_event_id })
}

/// The names of all kinds, as a sentence has them.
fn kinds() -> String {
    let [others @ .., last] = LiveKind::ALL.map(LiveKind::as_str);
    format!("{} or {last}", others.join(", "))
}

fn set<T: FromStr + Ord>(
    query: &Query<'_>,
    name: &'static str,
    what: &str,
) -> Result<Option<BTreeSet<T>>, ApiError> {
    let Some(text) = query.text(name) else { return Ok(None) };
    let items: Result<BTreeSet<T>, _> = text.split(',').map(|item| item.trim().parse()).collect();
    items
        .map(Some)
        .map_err(|_| InvalidField::new(name, format!("must be {what}, separated by commas")).into())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use becamera_domain::CameraId;

    use super::*;

    fn read(query: &str, header: Option<&str>) -> Result<Wanted, ApiError> {
        let mut request = TestRequest::get().uri(&format!("/api/v1/events?{query}"));
        if let Some(id) = header {
            request = request.insert_header(("Last-Event-ID", id));
        }
        read_request(&request.to_http_request())
    }

    #[test]
    fn filters_and_the_last_event_are_read() {
        let all = read("", None).unwrap();
        assert_eq!((all.filter, all.last_event_id), (EventFilter::default(), None));
        let some = read("cameras=2,1,2&types=count,worker&last_event_id=a-1", None).unwrap();
        let cameras: BTreeSet<CameraId> = [1, 2].map(|id| CameraId::try_from(id).unwrap()).into();
        assert_eq!(some.filter.cameras, Some(cameras));
        assert_eq!(some.filter.kinds, Some([LiveKind::Count, LiveKind::Worker].into()));
        assert_eq!(some.last_event_id.as_deref(), Some("a-1"));
        let again = read("last_event_id=a-1", Some("a-7")).unwrap();
        assert_eq!(again.last_event_id.as_deref(), Some("a-7"), "the header is the newer one");
        assert_eq!(read("last_event_id=", None).unwrap().last_event_id, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, field) in [
            ("cameras=", "cameras"),
            ("cameras=1,,2", "cameras"),
            ("cameras=0", "cameras"),
            ("cameras=x", "cameras"),
            ("types=counts", "types"),
            ("types=", "types"),
            ("camera=1", "camera"),
            ("types=count&types=camera", "types"),
        ] {
            let error = read(query, None).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: ")), "{query}: {error}");
        }
    }
}
