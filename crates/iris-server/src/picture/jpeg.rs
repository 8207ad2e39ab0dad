//! JPEG files from pictures, straight from their planes.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::{Encoding, Error, Picture};

impl Picture {
    /// The quality of evidence, 1 to 100: faces and number plates stay legible at a fifth of the size of 100.
    pub const QUALITY: u8 = 85;

    /// The picture as a JPEG file with halved chroma. At most 65535 pixels each way. One that is in
    /// [`Encoding::JPEG`] already saves converting a copy.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, Error> {
        if self.encoding != Encoding::JPEG {
            return self.clone().recode(Encoding::JPEG).to_jpeg(quality);
        }
        let mut file = Vec::with_capacity(self.size.pixels() as usize / 4);
        let mut encoder = Encoder::new(&mut file, quality.clamp(1, 100));
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        match encoder.encode_image(Rows(self)) {
            Ok(()) => Ok(file),
            Err(source) => Err(Error::Jpeg { size: self.size, source }),
        }
    }
}

struct Rows<'a>(&'a Picture);

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    /// 0, which the encoder refuses, where the format cannot say how wide it is.
    fn width(&self) -> u16 {
        u16::try_from(self.0.size.width).unwrap_or(0)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0.size.height).unwrap_or(0)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let width = self.0.width();
        let row = usize::from(y) * width..(usize::from(y) + 1) * width;
        for (plane, buffer) in self.0.planes.iter().zip(buffers) {
            buffer.extend_from_slice(&plane[row.clone()]);
        }
    }
}
