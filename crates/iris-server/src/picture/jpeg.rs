//! JPEG files from pictures, straight from their planes.

use iris_decode::encode_jpeg;

use super::video::halve;
use super::{Encoding, Error, Picture};

impl Picture {
    /// The quality of evidence, 1 to 100: faces and number plates stay legible at a fifth of the size of 100.
    pub const QUALITY: u8 = 85;

    /// The picture as a JPEG file with halved chroma. At most 65,500 pixels each way. One that is in
    /// [`Encoding::JPEG`] already saves converting a copy.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, Error> {
        if self.encoding != Encoding::JPEG {
            return self.clone().recode(Encoding::JPEG).to_jpeg(quality);
        }
        let [luma, cb, cr] = &self.planes;
        let (cb, cr) = (self.halved(cb), self.halved(cr));
        encode_jpeg([luma, &cb, &cr], self.size, quality).map_err(|source| Error::Jpeg { size: self.size, source })
    }

    /// A plane at half its size each way, rounded up: the means of two by two samples, the last of which are repeated where
    /// their number is odd.
    fn halved(&self, plane: &[u8]) -> Vec<u8> {
        let (width, half) = (self.width(), self.width().div_ceil(2));
        let mut out = vec![0; half * self.height().div_ceil(2)];
        for (rows, out) in plane.chunks(2 * width.max(1)).zip(out.chunks_mut(half.max(1))) {
            let (upper, lower) = rows.split_at(width);
            let lower = if lower.is_empty() { upper } else { lower };
            halve((upper, lower), out);
            if !width.is_multiple_of(2) {
                out[half - 1] = upper[width - 1].midpoint(lower[width - 1]);
            }
        }
        out
    }
}
