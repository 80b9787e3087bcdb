//! Writes pictures as PNG (ISO/IEC 15948), 8 bits a sample.

pub(crate) mod destination;
mod pieces;

use std::path::Path;

use swathe_core::{Error, Result};

use crate::preview::{Channels, Picture};
use crate::whole_file::write_whole;

/// Writes a picture under `path`, which never holds half of it: the file is written beside it and then named.
///
/// # Errors
/// Usage, where `path` exists and `overwrite` is false, or has no file name; Io and Limit, where it cannot be written.
pub fn write_png(path: &Path, picture: &Picture, overwrite: bool) -> Result<()> {
    let bytes = png_bytes(picture).map_err(|error| error.at(format_args!("`{}`", path.display())))?;
    write_whole(path, &bytes, overwrite)
}

/// A picture as a PNG in memory.
///
/// # Errors
/// Bug, where it is too large for a PNG or its samples are not as many as its size says.
pub fn png_bytes(picture: &Picture) -> Result<Vec<u8>> {
    encode(picture).map_err(|error| Error::bug(format!("cannot encode a picture as PNG: {error}")))
}

fn encode(picture: &Picture) -> Result<Vec<u8>, ::png::EncodingError> {
    // PNG's sides have 31 bits; a side of more would be refused by the encoder as it is here: too large a number.
    let side = |length: usize| u32::try_from(length).map_err(|_| ::png::EncodingError::LimitsExceeded);
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, side(picture.size.width)?, side(picture.size.height)?);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_color(match picture.channels {
        Channels::Gray => ::png::ColorType::Grayscale,
        Channels::GrayAlpha => ::png::ColorType::GrayscaleAlpha,
        Channels::Rgb => ::png::ColorType::Rgb,
        Channels::RgbAlpha => ::png::ColorType::Rgba,
    });
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use swathe_core::{ErrorKind, Size};

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("swathe-png-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn pictures_read_back() {
        let folder = folder("back");
        let path = folder.join("a.png");
        for channels in [Channels::Gray, Channels::GrayAlpha, Channels::Rgb, Channels::RgbAlpha] {
            let pixels: Vec<u8> = (0..6 * channels.count()).map(|i| (40 * i) as u8).collect();
            let picture = Picture { size: Size::new(3, 2), channels, pixels };
            write_png(&path, &picture, true).unwrap();
            let file = std::io::BufReader::new(fs::File::open(&path).unwrap());
            let mut reader = ::png::Decoder::new(file).read_info().unwrap();
            let mut decoded = vec![0; reader.output_buffer_size().unwrap()];
            let frame = reader.next_frame(&mut decoded).unwrap();
            assert_eq!((frame.width, frame.height), (3, 2));
            assert_eq!(decoded, picture.pixels);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let folder = folder("kept");
        let path = folder.join("a.png");
        fs::write(&path, "precious").unwrap();
        let picture = Picture { size: Size::new(1, 1), channels: Channels::Gray, pixels: vec![1] };
        let error = write_png(&path, &picture, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("a.png` exists"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        write_png(&path, &picture, true).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(b"\x89PNG"));
        write_png(&folder.join("b.png"), &picture, false).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn errors_name_the_file() {
        let picture = Picture { size: Size::new(1, 1), channels: Channels::Gray, pixels: vec![1] };
        let folder = folder("gone");
        let error = write_png(&folder.join("missing/a.png"), &picture, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("a.png"), "{error}");
        assert_eq!(write_png(Path::new("/"), &picture, true).unwrap_err().kind(), ErrorKind::Usage);
        let short = Picture { size: Size::new(2, 2), channels: Channels::Gray, pixels: vec![1] };
        assert_eq!(write_png(&folder.join("a.png"), &short, true).unwrap_err().kind(), ErrorKind::Bug);
        fs::remove_dir_all(&folder).unwrap();
    }
}
