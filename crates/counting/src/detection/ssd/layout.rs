//! What the outputs of a network mean, told by their shapes.

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
    /// The layout of outputs with these shapes, of a network whose input has this many anchors; none
    /// when it is not known.
    pub fn by_shape(shapes: &[Vec<i64>], anchors: usize) -> Option<Self> {
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

    /// The index of the class *person* in outputs of this layout, given the one of the model's
    /// labels: a head of a single class is that of people.
    ///
    /// # Errors
    /// When the labels' class is beyond the outputs' classes; gives their number.
    pub fn person_class(self, labelled: usize) -> Result<usize, usize> {
        match self {
            Self::Ssd { classes: 1, .. } => Ok(0),
            Self::Ssd { classes, .. } if labelled >= classes => Err(classes),
            _ => Ok(labelled),
        }
    }
}

#[cfg(test)]
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
    fn the_class_person_must_be_one_of_the_outputs() {
        let ssd = |classes| Layout::Ssd { boxes: 0, logits: 1, classes };
        assert_eq!(ssd(91).person_class(15), Ok(15));
        assert_eq!(ssd(1).person_class(15), Ok(0));
        assert_eq!(ssd(5).person_class(15), Err(5));
        assert_eq!(Layout::DetectionOutput.person_class(15), Ok(15));
    }
}
