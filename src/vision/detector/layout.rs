//! What the outputs of a network mean, by their shapes: shared by every inference library.

use std::path::Path;

use becamera_domain::settings::DetectorSettings;

use super::DetectorError;

/// What the network's outputs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Raw boxes `[1, anchors, 4]` and class logits `[1, anchors, classes]`, by output's index.
    Ssd {
        /// The output of the boxes.
        boxes: usize,
        /// The output of the logits.
        logits: usize,
        /// Classes of the logits.
        classes: usize,
    },
    /// Decoded rows `[1, 1, N, 7]`.
    DetectionOutput,
}

impl Layout {
    /// The layout of outputs with these shapes and the index of the class person in it; `person`
    /// is the one of the model's labels. The error names the setting at fault.
    pub fn of(
        shapes: &[Vec<i64>],
        anchors: usize,
        person: usize,
        settings: &DetectorSettings,
    ) -> Result<(Self, usize), DetectorError> {
        let layout = Self::by_shape(shapes, anchors).ok_or_else(|| {
            let name = settings.model.as_deref().unwrap_or(Path::new("embedded")).display();
            DetectorError::Model(format!(
                "detector.model: the outputs of {name} have the shapes {shapes:?}; known are \
                 [1, 1, N, 7], and [1, {anchors}, 4] with [1, {anchors}, classes]"
            ))
        })?;
        match layout {
            // A head of a single class is that of people.
            Self::Ssd { classes: 1, .. } => Ok((layout, 0)),
            Self::Ssd { classes, .. } if person >= classes => Err(DetectorError::Model(format!(
                "detector.labels: person is class {person}, but the model has {classes} classes"
            ))),
            _ => Ok((layout, person)),
        }
    }

    fn by_shape(shapes: &[Vec<i64>], anchors: usize) -> Option<Self> {
        let rows = i64::try_from(anchors).ok()?;
        match shapes {
            [only] if only.len() == 4 && only[3] == 7 => Some(Self::DetectionOutput),
            [first, second] => {
                let columns = |shape: &Vec<i64>| match shape[..] {
                    [1, n, columns] if n == rows => usize::try_from(columns).ok(),
                    _ => None,
                };
                match (columns(first)?, columns(second)?) {
                    (4, classes) => Some(Self::Ssd { boxes: 0, logits: 1, classes }),
                    (classes, 4) => Some(Self::Ssd { boxes: 1, logits: 0, classes }),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_known_by_their_shapes() {
        let layout = Layout::by_shape;
        let ssd = |boxes, logits, classes| Some(Layout::Ssd { boxes, logits, classes });
        assert_eq!(layout(&[vec![1, 9, 4], vec![1, 9, 91]], 9), ssd(0, 1, 91));
        assert_eq!(layout(&[vec![1, 9, 1], vec![1, 9, 4]], 9), ssd(1, 0, 1));
        assert_eq!(layout(&[vec![1, 1, 100, 7]], 9), Some(Layout::DetectionOutput));
        assert_eq!(layout(&[vec![1, 8, 4], vec![1, 8, 91]], 9), None);
        assert_eq!(layout(&[vec![1, 1000]], 9), None);
        assert_eq!(layout(&[], 9), None);
    }

    #[test]
    fn the_class_person_must_be_one_of_the_model() {
        let settings = DetectorSettings::default();
        let of = |classes, person| {
            Layout::of(&[vec![1, 9, 4], vec![1, 9, classes]], 9, person, &settings)
                .map(|(_, person)| person)
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(91, 15).unwrap(), 15);
        assert_eq!(of(1, 15).unwrap(), 0);
        assert!(of(5, 15).unwrap_err().starts_with("detector.labels: person is class 15"));
        let error = Layout::of(&[vec![1, 1000]], 9, 1, &settings).unwrap_err().to_string();
        assert!(error.starts_with("detector.model: the outputs of embedded"), "{error}");
    }
}
