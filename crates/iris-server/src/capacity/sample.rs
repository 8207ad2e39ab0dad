//! Video to measure with. Without any at hand it is made here: a scene such as cameras see, encoded as cameras do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::{self, Context, encoder};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Dictionary, Rational, frame};
use iris_core::{CameraId, Codec, CodecParams, Epoch, FrameKey, MediaTime, Moment, MonoTime, Packet, Size};

/// Frames a second of what is made here.
pub const FPS: u32 = 10;
/// As many frames as from one key frame to the next: two seconds, as cameras are set up.
const FRAMES: u32 = 2 * FPS;

/// A piece of a camera's video.
pub struct Sample {
    /// What to call it.
    pub name: String,
    /// The codec's profile, where it is known.
    pub profile: Option<&'static str>,
    /// Frames a second.
    pub fps: f64,
    /// Access units, the first of which is a key frame.
    pub packets: Vec<Packet>,
}

impl Sample {
    /// How long it is.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.packets.len() as f64 / self.fps.max(0.1))
    }
}

/// A kind of video that cameras send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    size: Size,
    codec: Codec,
    profile: &'static str,
}

impl Kind {
    /// What most cameras can be set to, from cheap to dear.
    pub const ALL: [Self; 6] = [
        Self::new(640, 360, Codec::H264, "baseline"),
        Self::new(640, 360, Codec::H264, "main"),
        Self::new(640, 360, Codec::H265, "main"),
        Self::new(1280, 720, Codec::H264, "main"),
        Self::new(1920, 1080, Codec::H264, "main"),
        Self::new(1920, 1080, Codec::H265, "main"),
    ];

    /// The cheapest, to compare other video with.
    pub const CHEAPEST: Self = Self::ALL[0];

    const fn new(width: u32, height: u32, codec: Codec, profile: &'static str) -> Self {
        Self { size: Size { width, height }, codec, profile }
    }

    /// What to call it.
    pub fn name(&self) -> String {
        format!("{} {} {}", self.size, self.codec, self.profile)
    }

    /// Makes two seconds of it.
    ///
    /// # Errors
    /// No encoder of this FFmpeg makes it.
    pub fn make(&self, camera: CameraId) -> Result<Sample, String> {
        let packets = self.encode(camera).map_err(|error| format!("it cannot be encoded: {error}"))?;
        let packets = packets.ok_or_else(|| format!("this FFmpeg has no encoder for {}", self.codec))?;
        Ok(Sample { name: self.name(), profile: Some(self.profile), fps: f64::from(FPS), packets })
    }

    fn encode(&self, camera: CameraId) -> Result<Option<Vec<Packet>>, ffmpeg::Error> {
        let Some(mut encoder) = self.open() else { return Ok(None) };
        let params = Arc::new(CodecParams { codec: self.codec, extradata: Bytes::new(), size: Some(self.size) });
        let mut scene = Scene::new(self.size);
        let mut packets = Vec::new();
        for n in 0..=FRAMES {
            if n < FRAMES {
                let mut picture = frame::Video::new(Pixel::YUV420P, self.size.width, self.size.height);
                scene.draw(n, &mut picture);
                picture.set_pts(Some(i64::from(n)));
                encoder.send_frame(&picture)?;
            } else {
                encoder.send_eof()?;
            }
            let mut packet = ffmpeg::Packet::empty();
            while encoder.receive_packet(&mut packet).is_ok() {
                let seq = packets.len() as u64;
                let at = MediaTime::from_millis(seq as i64 * 1000 / i64::from(FPS));
                packets.push(Packet {
                    key: FrameKey { camera, epoch: Epoch::first(1), seq },
                    at: Moment { media: at, wall: None },
                    dts: at,
                    received: MonoTime::default(),
                    is_key: packet.is_key(),
                    disposable: false,
                    lost_before: 0,
                    params: Arc::clone(&params),
                    data: Bytes::copy_from_slice(packet.data().unwrap_or_default()),
                });
            }
        }
        Ok(Some(packets))
    }

    /// The first encoder that works: one that is listed may still lack its library or its device.
    fn open(&self) -> Option<encoder::video::Encoder> {
        let (names, id) = match self.codec {
            Codec::H264 => (&["libx264", "libopenh264"][..], codec::Id::H264),
            Codec::H265 => (&["libx265"][..], codec::Id::HEVC),
            Codec::Mjpeg => (&[][..], codec::Id::MJPEG),
        };
        let named = names.iter().filter_map(|name| encoder::find_by_name(name));
        named.chain(encoder::find(id)).find_map(|codec| self.open_with(codec).ok())
    }

    fn open_with(&self, codec: ffmpeg::Codec) -> Result<encoder::video::Encoder, ffmpeg::Error> {
        let mut video = Context::new_with_codec(codec).encoder().video()?;
        video.set_width(self.size.width);
        video.set_height(self.size.height);
        video.set_format(Pixel::YUV420P);
        video.set_time_base(Rational(1, FPS as i32));
        video.set_frame_rate(Some(Rational(FPS as i32, 1)));
        video.set_gop(FRAMES);
        // Cameras send pictures in the order in which they are shown, at a tenth of a bit a pixel.
        video.set_max_b_frames(0);
        video.set_bit_rate((self.size.pixels() * u64::from(FPS) / 10) as usize);
        let options: Dictionary<'_> = match codec.name() {
            "libx265" => [("preset", "superfast"), ("x265-params", "log-level=none")].into_iter().collect(),
            _ => [("preset", "veryfast"), ("profile", self.profile)].into_iter().collect(),
        };
        video.open_with(options)
    }
}

/// A still background with fine structure, objects that cross it, and the noise of a sensor.
struct Scene {
    size: Size,
    background: [Vec<u8>; 3],
    noise: Vec<i8>,
    random: u32,
}

/// How many samples of noise there are; each row begins somewhere else in them.
const NOISE: usize = 1 << 16;
/// How many objects move.
const OBJECTS: u32 = 6;

impl Scene {
    fn new(size: Size) -> Self {
        let mut scene = Self { size, background: [const { Vec::new() }; 3], noise: Vec::new(), random: 0x9E37_79B9 };
        // From -3 to 3, small ones more often: what a sensor adds by daylight.
        scene.noise = (0..NOISE).map(|_| scene.next()).map(|r| (r & 3) as i8 + (r >> 8 & 3) as i8 - 3).collect();
        scene.background = [0, 1, 2].map(|plane| scene.paint(plane));
        scene
    }

    /// Xorshift of 32 bits (Marsaglia 2003).
    fn next(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }

    /// Across and down of a plane.
    fn plane(&self, plane: usize) -> (u32, u32) {
        if plane == 0 { (self.size.width, self.size.height) } else { (self.size.width / 2, self.size.height / 2) }
    }

    /// Blocks of different brightness with a slope in them and a grain on them, or of different colour.
    fn paint(&mut self, plane: usize) -> Vec<u8> {
        let (width, height) = self.plane(plane);
        let sub = if plane == 0 { 1 } else { 2 };
        let mut samples = Vec::with_capacity((width * height) as usize);
        for y in 0..height {
            for x in 0..width {
                let (x, y) = (x * sub, y * sub);
                let block = (x / 48).wrapping_mul(0x9E37).wrapping_add((y / 40).wrapping_mul(0x85EB)) >> 5;
                samples.push(match plane {
                    0 => 60 + block % 90 + (x % 48) / 4 + (y % 40) / 5 + (x / 3 * 7 + y / 2 * 13) % 11,
                    _ => 118 + block % 20,
                } as u8);
            }
        }
        samples
    }

    fn draw(&mut self, n: u32, picture: &mut frame::Video) {
        for plane in 0..3 {
            let (width, height) = self.plane(plane);
            let stride = picture.stride(plane);
            let rows = picture.data_mut(plane).chunks_exact_mut(stride);
            for (y, row) in rows.take(height as usize).enumerate() {
                let from = self.next() as usize % (NOISE - width as usize);
                let behind = &self.background[plane][y * width as usize..][..width as usize];
                for ((sample, behind), noise) in row.iter_mut().zip(behind).zip(&self.noise[from..]) {
                    // Far enough from both ends.
                    *sample = behind.wrapping_add_signed(if plane == 0 { *noise } else { *noise / 2 });
                }
            }
        }
        for object in 0..OBJECTS {
            self.move_object(object, n, picture);
        }
    }

    /// An upright rectangle with stripes, a sixth of the picture high, that crosses it in its own time.
    fn move_object(&self, object: u32, n: u32, picture: &mut frame::Video) {
        let (width, height) = (self.size.width, self.size.height);
        let (w, h) = ((width / 16) & !1, (height / 6) & !1);
        let speed = width / 160 * (1 + object % 3);
        let x = ((object * width / OBJECTS + n * speed) % (width - w)) & !1;
        let y = (height / 8 + object * (height - h - height / 8) / OBJECTS) & !1;
        for plane in 0..3 {
            let sub = if plane == 0 { 1 } else { 2 };
            let stride = picture.stride(plane);
            let data = picture.data_mut(plane);
            for row in 0..h / sub {
                let start = (y / sub + row) as usize * stride + (x / sub) as usize;
                for (column, sample) in data[start..][..(w / sub) as usize].iter_mut().enumerate() {
                    *sample = match plane {
                        0 => 40 + 25 * object as u8 + (column as u8 / 4 + row as u8 / 8) % 2 * 30,
                        _ => 90 + 12 * object as u8,
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(scene: &mut Scene, n: u32) -> Vec<u8> {
        let mut picture = frame::Video::new(Pixel::YUV420P, scene.size.width, scene.size.height);
        scene.draw(n, &mut picture);
        let (width, stride) = (scene.size.width as usize, picture.stride(0));
        picture.data(0).chunks(stride).take(scene.size.height as usize).flat_map(|row| row[..width].to_vec()).collect()
    }

    #[test]
    fn a_scene_has_noise_everywhere_and_moves_in_places() {
        let mut scene = Scene::new(Size::new(320, 180));
        let (first, second) = (picture(&mut scene, 0), picture(&mut scene, 1));
        let changed = |least: u8| {
            let far = first.iter().zip(&second).filter(|(a, b)| a.abs_diff(**b) >= least).count();
            far as f64 / first.len() as f64
        };
        assert!(changed(1) > 0.6, "noise: {}", changed(1));
        assert!((0.001..0.1).contains(&changed(10)), "movement: {}", changed(10));
    }

    #[test]
    fn a_sample_begins_with_its_only_key_frame() {
        let camera = CameraId::new("sample").expect("a valid id");
        let kind = Kind::new(320, 180, Codec::H264, "baseline");
        let sample = kind.make(camera).expect("the tests' FFmpeg has x264");
        assert_eq!((sample.name.as_str(), sample.packets.len()), ("320x180 h264 baseline", FRAMES as usize));
        let keys: Vec<bool> = sample.packets.iter().map(|packet| packet.is_key).collect();
        assert!(keys[0] && keys[1..].iter().all(|key| !key), "{keys:?}");
        let bits = 8 * sample.packets.iter().map(|packet| packet.data.len()).sum::<usize>();
        let a_pixel = bits as f64 / (320.0 * 180.0 * f64::from(FRAMES));
        assert!((0.03..0.4).contains(&a_pixel), "{a_pixel} bits a pixel");
    }

    #[test]
    fn what_no_encoder_makes_is_said() {
        let camera = CameraId::new("sample").expect("a valid id");
        let error = Kind::new(1 << 20, 1 << 20, Codec::H264, "main").make(camera).err().expect("too large");
        assert_eq!(error, "this FFmpeg has no encoder for h264");
    }
}
