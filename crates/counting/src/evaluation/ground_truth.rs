//! Ground truth in the file format of the MOTChallenge.

use std::collections::BTreeMap;

use crate::evaluation::boxes::{LabelledBox, Rectangle};

/// Number of columns in files of MOT16 and later, whose eighth is the class.
const COLUMNS_WITH_CLASS: usize = 9;

/// The class of pedestrians.
const PEDESTRIAN: f64 = 1.0;

/// The people in the frames of a recording.
///
/// A line is `frame,id,left,top,width,height` and may go on; the first may be a header. Frames
/// count from 1, boxes are in pixels of the picture, whose upper left corner is (0, 0). As with the
/// MOTChallenge a seventh column of 0 marks a box to be left out, and in files of nine columns so
/// does an eighth other than 1, the class of pedestrians.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroundTruth {
    frames: BTreeMap<u32, Vec<LabelledBox>>,
}

/// Why a file is no ground truth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct GroundTruthError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with the line.
    pub reason: String,
}

impl GroundTruth {
    /// Reads a file's content.
    ///
    /// # Errors
    /// Names the first line that is malformed, or says that there is no box.
    pub fn parse(content: &[u8]) -> Result<Self, GroundTruthError> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut truth = Self::default();
        let mut first = true;
        for (number, bytes) in content.split(|byte| *byte == b'\n').enumerate() {
            let fail = |reason: String| GroundTruthError { line: number + 1, reason };
            let text = std::str::from_utf8(bytes).map_err(|_| fail("is not text".into()))?.trim();
            if text.is_empty() {
                continue;
            }
            let is_header = std::mem::take(&mut first) && is_header(text);
            if is_header {
                continue;
            }
            truth.take(text).map_err(fail)?;
        }
        if truth.frames.is_empty() {
            return Err(GroundTruthError { line: 1, reason: "there is no box in the file".into() });
        }
        truth.frames.values_mut().for_each(|people| people.sort_by_key(|person| person.id));
        Ok(truth)
    }

    /// The people in a frame, ordered by id; frames count from 1.
    pub fn people(&self, frame: u32) -> &[LabelledBox] {
        self.frames.get(&frame).map_or(&[], Vec::as_slice)
    }

    /// The frames with at least one person, in order.
    pub fn frames(&self) -> impl Iterator<Item = u32> {
        self.frames.iter().filter(|(_, people)| !people.is_empty()).map(|(frame, _)| *frame)
    }

    /// The last frame that the file has a line for; 0 without any.
    pub fn last_frame(&self) -> u32 {
        self.frames.keys().next_back().copied().unwrap_or(0)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let columns: Vec<_> = line.split(',').map(str::trim).collect();
        if columns.len() < 6 {
            let count = columns.len();
            return Err(format!(
                "has {count} columns instead of frame,id,left,top,width,height[,…]"
            ));
        }
        let number = |column: usize, name: &str| {
            let text = columns[column];
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| format!("{name} must be a number, not {}", quoted(text)))
        };
        let whole = |column: usize, name: &str, least: u32| {
            let whole = number(column, name)?;
            let fits =
                whole.fract() == 0.0 && (f64::from(least)..=f64::from(u32::MAX)).contains(&whole);
            // In range: nothing is cut off.
            fits.then_some(whole as u32).ok_or_else(|| {
                format!(
                    "{name} must be a whole number from {least}, not {}",
                    quoted(columns[column])
                )
            })
        };
        let size = |column: usize, name: &str| {
            let size = number(column, name)?;
            (size > 0.0)
                .then_some(size)
                .ok_or_else(|| format!("{name} must be above 0, not {}", quoted(columns[column])))
        };
        let frame = whole(0, "frame", 1)?;
        let id = u64::from(whole(1, "id", 0)?);
        let bbox = Rectangle {
            left: number(2, "left")?,
            top: number(3, "top")?,
            width: size(4, "width")?,
            height: size(5, "height")?,
        };
        let left_out = columns.len() > 6 && number(6, "the seventh column")? == 0.0;
        let somebody = columns.len() != COLUMNS_WITH_CLASS || number(7, "class")? == PEDESTRIAN;
        let people = self.frames.entry(frame).or_default();
        if people.iter().any(|person| person.id == id) {
            return Err(format!("id {id} is in frame {frame} already"));
        }
        if somebody && !left_out {
            people.push(LabelledBox { id, bbox });
        }
        Ok(())
    }
}

fn is_header(line: &str) -> bool {
    line.split(',').next().is_some_and(|name| name.trim().parse::<f64>().is_err())
}

/// A quotation from the file, short enough for an error.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 30;
    let short: String = text.chars().take(LONGEST).collect();
    let more = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("{short:?}{more}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<GroundTruth, GroundTruthError> {
        GroundTruth::parse(text.as_bytes())
    }

    #[test]
    fn files_with_and_without_a_header() {
        let plain = parse("1,2,10,20,30.5,40\n1,1,0,0,5,5\r\n\n3,1,-4,1e1,5,5\n").unwrap();
        let people: Vec<_> = plain.people(1).iter().map(|person| person.id).collect();
        assert_eq!(people, [1, 2]);
        let expected = Rectangle { left: 10.0, top: 20.0, width: 30.5, height: 40.0 };
        assert_eq!(plain.people(1)[1].bbox, expected);
        assert_eq!((plain.people(2), plain.last_frame()), (&[][..], 3));
        let header = "\u{feff}frame,id,left,top,width,height\n1,2,10,20,30.5,40\n1,1,0,0,5,5\n3, 1, -4, 10, 5, 5";
        assert_eq!(parse(header).unwrap(), plain);
    }

    #[test]
    fn boxes_that_are_marked_are_left_out() {
        let mot16 = "1,1,0,0,5,5,1,1,0.9\n1,2,0,0,5,5,0,1,0.9\n1,3,0,0,5,5,1,7,0.9\n";
        assert_eq!(parse(mot16).unwrap().people(1).len(), 1);
        let mot15 = "1,1,0,0,5,5,1,-7.2,3.1,0\n1,2,0,0,5,5,0,-1,-1,-1\n";
        assert_eq!(parse(mot15).unwrap().people(1).len(), 1);
    }

    #[test]
    fn errors_name_the_line_and_the_column() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(
            error("frame,id\n1,1,0,0,5,5\n1,2,0,zero,5,5"),
            "line 3: top must be a number, not \"zero\""
        );
        assert_eq!(error("0,1,0,0,5,5"), "line 1: frame must be a whole number from 1, not \"0\"");
        assert_eq!(error("1,1.5,0,0,5,5"), "line 1: id must be a whole number from 0, not \"1.5\"");
        assert_eq!(error("1,1,0,0,5,-5"), "line 1: height must be above 0, not \"-5\"");
        assert_eq!(error("1,1,nan,0,5,5"), "line 1: left must be a number, not \"nan\"");
        assert!(error("\n1,1,0,0,5").starts_with("line 2: has 5 columns"));
        assert_eq!(error("1,1,0,0,5,5\n1,1,0,0,5,5"), "line 2: id 1 is in frame 1 already");
        assert_eq!(error(""), "line 1: there is no box in the file");
        assert_eq!(
            error("frame,id,left,top,width,height\n"),
            "line 1: there is no box in the file"
        );
        let binary = GroundTruth::parse(b"1,1,0,0,5,5\n\xff\xfe").unwrap_err();
        assert_eq!(binary.to_string(), "line 2: is not text");
        assert!(error(&format!("1,1,{},0,5,5", "x".repeat(10_000))).len() < 200);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = GroundTruth::parse(&bytes);
        }

        #[test]
        fn any_numbers_are_taken_or_refused(
            rows in prop::collection::vec("(-?[0-9]{0,12}(\\.[0-9]{0,3})?(e[0-9]{1,3})?,?){4,10}", 0..20)
        ) {
            let _ = parse(&rows.join("\n"));
        }

        #[test]
        fn a_written_file_is_read_back(
            rows in prop::collection::btree_map(
                (1u32..50, 0u32..50), (-1e4..1e4, -1e4..1e4, 1e-3..1e4, 1e-3..1e4), 1..60
            )
        ) {
            let text: String = rows
                .iter()
                .map(|((frame, id), (l, t, w, h))| format!("{frame},{id},{l},{t},{w},{h}\n"))
                .collect();
            let truth = parse(&text).unwrap();
            let read = (1..50).flat_map(|frame| {
                truth.people(frame).iter().map(move |person| ((frame, person.id as u32), person.bbox))
            });
            for (key, bbox) in read {
                let (left, top, width, height) = rows[&key];
                prop_assert_eq!(bbox, Rectangle { left, top, width, height });
            }
            prop_assert_eq!((1..50).map(|frame| truth.people(frame).len()).sum::<usize>(), rows.len());
        }
    }
}
