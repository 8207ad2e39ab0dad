//! JPEG files from pictures, straight from their planes.

use iris_decode::encode_jpeg;

use super::{Encoding, Error, Picture};

impl Picture {
    /// The quality of evidence, 1 to 100: faces and number plates stay legible at a fifth of the size of 100.
    pub const QUALITY: u8 = 85;

    /// The picture as a JPEG file. At most 65,500 pixels each way. One that is in [`Encoding::JPEG`] already saves converting a
    /// copy.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, Error> {
        if self.encoding != Encoding::JPEG {
            return self.clone().recode(Encoding::JPEG).to_jpeg(quality);
        }
        encode_jpeg(self.planes(), self.size, quality).map_err(|source| Error::Jpeg { size: self.size, source })
    }
}
