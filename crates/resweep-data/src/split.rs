//! The split into training and validation images (paper, section 4.2: 45k/5k).

use super::draw;
use super::error::DataError;
use super::image_set::ImageSet;
use resweep_core::domain::streams::{self, Stream};

/// Constant: every run holds out the same images, whatever its seed.
const SEED: u64 = 0;

/// Whether each of `images` training images is held out, `count` in all.
pub fn chosen(images: usize, count: usize) -> Result<Vec<bool>, DataError> {
    if count == 0 || count >= images {
        return Err(DataError::Validation {
            asked: count,
            images,
        });
    }
    let mut order: Vec<usize> = (0..images).collect();
    draw::shuffle(&mut streams::rng(SEED, Stream::Validation), &mut order);
    let mut held_out = vec![false; images];
    for &index in &order[..count] {
        held_out[index] = true;
    }
    Ok(held_out)
}

/// Moves `count` images, chosen by a fixed random stream, out of `train`. Returns the rest and the
/// held-out ones, both in their original order.
pub fn hold_out(train: &ImageSet, count: usize) -> Result<(ImageSet, ImageSet), DataError> {
    let held_out = chosen(train.len(), count)?;
    let (mut rest, mut validation) = (ImageSet::empty(train.size), ImageSet::empty(train.size));
    for (index, held_out) in held_out.into_iter().enumerate() {
        let set = if held_out { &mut validation } else { &mut rest };
        set.push(train.image(index), train.labels[index]);
    }
    Ok((rest, validation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(len: u8) -> ImageSet {
        let mut set = ImageSet::empty(1);
        for index in 0..len {
            set.push(&[index; 3], u16::from(index));
        }
        set
    }

    #[test]
    fn each_image_is_in_one_part_only() {
        let (rest, validation) = hold_out(&numbered(100), 10).unwrap();
        assert_eq!((rest.len(), validation.len()), (90, 10));
        let mut labels = [rest.labels.clone(), validation.labels.clone()].concat();
        labels.sort_unstable();
        assert_eq!(labels, (0..100).collect::<Vec<u16>>());
        assert_eq!(u16::from(validation.image(3)[0]), validation.labels[3]);
        assert_eq!(hold_out(&numbered(100), 10).unwrap().1, validation);
    }

    #[test]
    fn holding_out_all_or_no_images_is_rejected() {
        assert!(hold_out(&numbered(10), 10).is_err());
        assert!(hold_out(&numbered(10), 0).is_err());
        assert!(hold_out(&numbered(10), 9).is_ok());
    }
}
