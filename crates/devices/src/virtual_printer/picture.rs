//! Pictures as PNG files.

use crate::printer::Bitmap;

/// White around the paper, in dots.
const MARGIN: usize = 16;

/// The picture as a PNG of one bit a dot, with a white margin, as a scanner wants it.
pub fn png(picture: &Bitmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut paper = Bitmap::new(picture.width() + 2 * MARGIN, picture.height() + 2 * MARGIN);
    paper.draw(picture, MARGIN, MARGIN, 1, 1);
    // In PNG a set bit is white.
    let bits: Vec<u8> = paper.bits().iter().map(|byte| !byte).collect();
    let side = |dots: usize| u32::try_from(dots).unwrap_or(u32::MAX);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side(paper.width()), side(paper.height()));
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    // 203 dots an inch.
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: 7992,
        yppu: 7992,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bits)?;
    writer.finish()?;
    Ok(file)
}
