//! Frozen pictures: when a camera changes its resolution in mid-stream, OpenCV 4.6 goes on giving
//! the last picture without an error.

use std::time::{Duration, Instant};

/// Time after which a live picture without the slightest change is suspect: sensors have noise.
const SUSPECT_AFTER: Duration = Duration::from_secs(10);

/// Pause after a picture that was suspected wrongly (a test card).
const ASK_EVERY: Duration = Duration::from_secs(60);

/// Of this many groups of eight bytes one is compared.
const SPARSITY: usize = 17;

/// Watches a live picture for changes.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use becamera_counting::freeze::FreezeWatch;
///
/// let (mut watch, start, pixels) = (FreezeWatch::default(), Instant::now(), [7; 300]);
/// assert!(!watch.is_suspect(&pixels, start));
/// assert!(watch.is_suspect(&pixels, start + Duration::from_secs(10)));
/// ```
#[derive(Debug, Default)]
pub struct FreezeWatch {
    digest: u64,
    since: Option<Instant>,
    asked: Option<Instant>,
}

impl FreezeWatch {
    /// Takes the bytes of a frame received at `at`. Whether the picture has not changed for 10 s, so
    /// that the camera should be asked again; true once a minute at most.
    pub fn is_suspect(&mut self, pixels: &[u8], at: Instant) -> bool {
        self.takes(digest(pixels), at)
    }

    fn takes(&mut self, digest: u64, at: Instant) -> bool {
        let since = match self.since {
            Some(since) if digest == self.digest => since,
            _ => {
                (self.digest, self.since, self.asked) = (digest, Some(at), None);
                return false;
            }
        };
        let asked_lately = self.asked.is_some_and(|asked| at.duration_since(asked) < ASK_EVERY);
        if at.duration_since(since) < SUSPECT_AFTER || asked_lately {
            return false;
        }
        self.asked = Some(at);
        true
    }
}

fn digest(pixels: &[u8]) -> u64 {
    // FNV-1a over groups of eight bytes: a fingerprint is enough.
    let groups = pixels.as_chunks::<8>().0.iter().step_by(SPARSITY);
    groups.fold(0xcbf2_9ce4_8422_2325, |hash, group| {
        (hash ^ u64::from_le_bytes(*group)).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_picture_that_stands_still_is_suspect() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = FreezeWatch::default();
        assert!((0..60).all(|second| !watch.takes(second, at(second))));
        assert!((60..70).all(|second| !watch.takes(7, at(second))));
        assert!(watch.takes(7, at(70)));
        assert!((71..130).all(|second| !watch.takes(7, at(second))), "it was asked");
        assert!(watch.takes(7, at(130)));
        assert!(!watch.takes(8, at(131)));
    }

    #[test]
    fn a_changed_pixel_group_changes_the_digest() {
        let mut pixels = vec![9; 8 * SPARSITY * 50];
        let before = digest(&pixels);
        pixels[8 * SPARSITY * 20] ^= 1;
        assert_ne!(digest(&pixels), before);
        assert_eq!(digest(&[]), digest(&[1, 2, 3]));
    }
}
