//! What waits in memory: a plain, bounded buffer without clocks, threads or actors.

use std::collections::{HashSet, VecDeque};

use becamera_domain::{CameraId, Write};

/// Writes taken from the buffer together, each with its place in the order of arrival.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The writes, oldest first.
    pub writes: Vec<Write>,
    /// Their places, ascending.
    pub places: Vec<u64>,
}

impl Batch {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The place of its oldest write.
    pub fn first_place(&self) -> Option<u64> {
        self.places.first().copied()
    }

    /// Adds what came later.
    pub fn extend(&mut self, later: Self) {
        self.writes.extend(later.writes);
        self.places.extend(later.places);
    }
}

/// Writes that wait, in the order of arrival. Each has a place in that order for ever: a batch
/// that could not be written goes back to its old places.
#[derive(Debug)]
pub struct WriteBuffer {
    capacity: usize,
    next_place: u64,
    writes: VecDeque<(u64, Write)>,
    samples: usize,
    // Bounded by what operators delete; a camera leaves it when it is registered again.
    forgotten: HashSet<CameraId>,
}

impl WriteBuffer {
    /// A buffer of at most `capacity` samples; other writes are always taken.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            next_place: 0,
            writes: VecDeque::new(),
            samples: 0,
            forgotten: HashSet::new(),
        }
    }

    /// Takes a write. What was counted on a forgotten camera is dropped. Answers how many of the
    /// oldest samples were thinned out to make room.
    pub fn push(&mut self, write: Write) -> usize {
        if self.is_useless(&write) {
            return 0;
        }
        match &write {
            Write::Sample(_) => self.samples += 1,
            Write::SaveCamera(camera) => {
                self.forgotten.remove(&camera.id);
            }
            Write::ForgetCamera(camera) => {
                self.forgotten.insert(*camera);
                self.drop_counts_of_forgotten();
            }
            _ => {}
        }
        self.writes.push_back((self.next_place, write));
        self.next_place += 1;
        self.thin()
    }

    /// Takes the oldest writes out, at most `max`.
    pub fn take(&mut self, max: usize) -> Batch {
        let count = max.min(self.writes.len());
        let (places, writes) = self.writes.drain(..count).unzip();
        let batch = Batch { writes, places };
        self.samples -= batch.writes.iter().filter(|write| write.is_sample()).count();
        batch
    }

    /// Puts writes back to their places. Answers how many samples were thinned out to make room.
    pub fn put_back(&mut self, batch: Batch) -> usize {
        self.samples += batch.writes.iter().filter(|write| write.is_sample()).count();
        self.writes.extend(batch.places.into_iter().zip(batch.writes));
        self.writes.make_contiguous().sort_by_key(|(place, _)| *place);
        // A batch can come back in parts that overlap.
        let (mut last, mut twice) = (None, 0);
        self.writes.retain(|(place, write)| {
            let keep = last.replace(*place) != Some(*place);
            twice += usize::from(!keep && write.is_sample());
            keep
        });
        self.samples -= twice;
        self.drop_counts_of_forgotten();
        self.thin()
    }

    /// Writes that wait.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The place that the next write will get: everything that came so far is before it.
    pub fn watermark(&self) -> u64 {
        self.next_place
    }

    /// The place of the oldest write that waits.
    pub fn first_place(&self) -> Option<u64> {
        self.writes.front().map(|(place, _)| *place)
    }

    // Samples and crossings that wait before the order to forget are of no use; those after it are
    // stragglers of a worker that was just told to stop.
    fn is_useless(&self, write: &Write) -> bool {
        write.counted_on().is_some_and(|camera| self.forgotten.contains(&camera))
    }

    fn drop_counts_of_forgotten(&mut self) {
        if self.forgotten.is_empty() {
            return;
        }
        let mut writes = std::mem::take(&mut self.writes);
        writes.retain(|(_, write)| {
            let drop = self.is_useless(write);
            self.samples -= usize::from(drop && write.is_sample());
            !drop
        });
        self.writes = writes;
    }

    /// Drops every other sample of the older half while there are too many: what is left still
    /// shows how many people there were, with less coverage.
    fn thin(&mut self) -> usize {
        let mut dropped = 0;
        while self.samples > self.capacity {
            let (older, mut seen, before) = ((self.samples / 2).max(2), 0, self.samples);
            let samples = &mut self.samples;
            self.writes.retain(|(_, write)| {
                seen += usize::from(write.is_sample());
                let drop = write.is_sample() && seen <= older && seen % 2 == 0;
                *samples -= usize::from(drop);
                !drop
            });
            dropped += before - self.samples;
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::test_support::{camera, camera_id, sample};

    fn seconds(batch: &Batch) -> Vec<i64> {
        let second = |write: &Write| match write {
            Write::Sample(sample) => Some(sample.bucket_start.timestamp()),
            _ => None,
        };
        batch.writes.iter().filter_map(second).collect()
    }

    fn filled(capacity: usize, count: i64) -> WriteBuffer {
        let mut buffer = WriteBuffer::new(capacity);
        (0..count).for_each(|second| {
            buffer.push(Write::Sample(sample(1, second, 1)));
        });
        buffer
    }

    #[test]
    fn what_goes_back_goes_to_its_place() {
        let mut buffer = filled(100, 6);
        let first = buffer.take(2);
        let second = buffer.take(2);
        buffer.put_back(second.clone());
        buffer.put_back(first.clone());
        buffer.put_back(first);
        assert_eq!(buffer.first_place(), Some(0));
        assert_eq!(seconds(&buffer.take(10)), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_full_buffer_thins_the_older_samples_and_nothing_else() {
        let mut buffer = WriteBuffer::new(8);
        buffer.push(Write::SaveCamera(Box::new(camera(1, "door"))));
        let lost: usize = (0..9).map(|s| buffer.push(Write::Sample(sample(1, s, 1)))).sum();
        let batch = buffer.take(100);
        assert_eq!(lost, 2);
        assert_eq!(batch.writes[0], Write::SaveCamera(Box::new(camera(1, "door"))));
        assert_eq!(seconds(&batch), [0, 2, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn samples_of_a_forgotten_camera_are_dropped_until_it_is_registered_again() {
        let mut buffer = filled(100, 3);
        let in_flight = buffer.take(1);
        buffer.push(Write::Sample(sample(2, 9, 1)));
        buffer.push(Write::ForgetCamera(camera_id(1)));
        buffer.push(Write::Sample(sample(1, 4, 1)));
        buffer.put_back(in_flight);
        assert_eq!(buffer.len(), 2, "the other camera's, and the order to forget");
        buffer.push(Write::SaveCamera(Box::new(camera(1, "again"))));
        buffer.push(Write::Sample(sample(1, 5, 1)));
        assert_eq!(seconds(&buffer.take(100)), [9, 5]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_below_the_bound_and_the_order_holds(
            steps in prop::collection::vec((0usize..3, 1usize..5), 1..60)
        ) {
            let mut buffer = WriteBuffer::new(1_000);
            let (mut pushed, mut out, mut done) = (0, Vec::new(), Vec::new());
            for (what, count) in steps {
                match what {
                    0 => (0..count).for_each(|_| {
                        buffer.push(Write::Sample(sample(1, pushed, 1)));
                        pushed += 1;
                    }),
                    1 => out.push(buffer.take(count)),
                    _ => for (index, batch) in out.drain(..).enumerate() {
                        // Every other batch was written, the rest goes back.
                        if index % 2 == 0 { done.extend(seconds(&batch)) } else { buffer.put_back(batch); }
                    },
                }
            }
            out.into_iter().for_each(|batch| { buffer.put_back(batch); });
            let rest = buffer.take(usize::MAX);
            prop_assert!(rest.places.is_sorted());
            done.extend(seconds(&rest));
            done.sort_unstable();
            prop_assert_eq!(done, (0..pushed).collect::<Vec<_>>());
            prop_assert_eq!(buffer.samples, 0);
        }
    }
}
