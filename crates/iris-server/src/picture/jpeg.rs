//! JPEG files from pictures, straight from their planes.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::colour::Affine;
use super::{Encoding, Error, Picture};

impl Picture {
    /// The quality of evidence, 1 to 100: faces and number plates stay legible at a fifth of the size of 100.
    pub const QUALITY: u8 = 85;

    /// The picture as a JPEG file with halved chroma. At most 65535 pixels each way.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, Error> {
        let mut file = Vec::with_capacity(self.size.pixels() as usize / 4);
        let mut encoder = Encoder::new(&mut file, quality.clamp(1, 100));
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        let convert = (self.encoding != Encoding::JPEG).then(|| self.encoding.to(Encoding::JPEG));
        match encoder.encode_image(Rows { picture: self, convert }) {
            Ok(()) => Ok(file),
            Err(source) => Err(Error::Jpeg { size: self.size, source }),
        }
    }
}

struct Rows<'a> {
    picture: &'a Picture,
    convert: Option<Affine>,
}

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    /// 0, which the encoder refuses, where the format cannot say how wide it is.
    fn width(&self) -> u16 {
        u16::try_from(self.picture.size.width).unwrap_or(0)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.picture.size.height).unwrap_or(0)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let width = self.picture.width();
        let row = usize::from(y) * width..(usize::from(y) + 1) * width;
        match self.convert {
            None => {
                for (plane, buffer) in self.picture.planes.iter().zip(buffers) {
                    buffer.extend_from_slice(&plane[row.clone()]);
                }
            }
            Some(convert) => {
                for samples in row.map(|i| convert.apply(self.picture.get(i))) {
                    for (sample, buffer) in samples.into_iter().zip(&mut *buffers) {
                        buffer.push(sample);
                    }
                }
            }
        }
    }
}
