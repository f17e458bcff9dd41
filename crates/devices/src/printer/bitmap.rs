//! Black and white pictures, as a printer's head makes them.

/// A picture of black and white dots, eight to a byte, the leftmost in the highest bit, each row
/// filled up to a whole byte: the layout of `GS v 0` and of PNG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    width: usize,
    height: usize,
    bits: Vec<u8>,
}

impl Bitmap {
    /// A white picture.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, bits: vec![0; width.div_ceil(8) * height] }
    }

    /// A picture from its rows; what is missing is white, what is too much is left out.
    pub fn from_bits(width: usize, height: usize, mut bits: Vec<u8>) -> Self {
        bits.resize(width.div_ceil(8) * height, 0);
        Self { width, height, bits }
    }

    /// Dots in a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Bytes of a row.
    pub const fn stride(&self) -> usize {
        self.width.div_ceil(8)
    }

    /// All rows.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Whether a dot is black; outside of the picture everything is white.
    pub fn is_black(&self, x: usize, y: usize) -> bool {
        let byte = self.bits.get(y * self.stride() + x / 8);
        x < self.width && byte.is_some_and(|byte| byte >> (7 - x % 8) & 1 == 1)
    }

    /// Makes a dot black; outside of the picture nothing happens.
    pub fn blacken(&mut self, x: usize, y: usize) {
        self.change(x, y, |byte, mask| *byte |= mask);
    }

    /// Makes a black dot white and a white one black.
    pub fn invert(&mut self, x: usize, y: usize) {
        self.change(x, y, |byte, mask| *byte ^= mask);
    }

    fn change(&mut self, x: usize, y: usize, change: impl Fn(&mut u8, u8)) {
        let stride = self.stride();
        if x < self.width
            && let Some(byte) = self.bits.get_mut(y * stride + x / 8)
        {
            change(byte, 0x80 >> (x % 8));
        }
    }

    /// Adds white rows below until there are `height`.
    pub fn grow(&mut self, height: usize) {
        if height > self.height {
            self.height = height;
            self.bits.resize(self.stride() * height, 0);
        }
    }

    /// Draws another picture into this one, each of its dots `across` wide and `down` high.
    pub fn draw(&mut self, other: &Self, left: usize, top: usize, across: usize, down: usize) {
        for y in 0..other.height {
            for x in (0..other.width).filter(|&x| other.is_black(x, y)) {
                self.fill(left + x * across, top + y * down, across, down);
            }
        }
    }

    /// Makes a rectangle black.
    pub fn fill(&mut self, left: usize, top: usize, width: usize, height: usize) {
        for y in top..top.saturating_add(height).min(self.height) {
            for x in left..left.saturating_add(width).min(self.width) {
                self.blacken(x, y);
            }
        }
    }

    /// The picture in strips of at most `bytes`, each a picture of its own.
    pub fn strips(&self, bytes: usize) -> impl Iterator<Item = Self> {
        let stride = self.stride().max(1);
        let rows = (bytes / stride).max(1);
        self.bits.chunks(rows * stride).map(move |bits| Self {
            width: self.width,
            height: bits.len() / stride,
            bits: bits.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_is_white_and_stays_so() {
        let mut picture = Bitmap::new(10, 2);
        picture.blacken(9, 1);
        picture.blacken(10, 1);
        picture.blacken(0, 2);
        assert_eq!(picture.bits(), [0, 0, 0, 0x40]);
        assert!(picture.is_black(9, 1));
        assert!(!picture.is_black(10, 1) && !picture.is_black(0, 2) && !picture.is_black(17, 0));
    }

    #[test]
    fn strips_put_together_are_the_picture() {
        let mut picture = Bitmap::new(20, 7);
        for place in 0..7 {
            picture.fill(place * 2, place, 3, 1);
        }
        let strips: Vec<Bitmap> = picture.strips(7).collect();
        assert_eq!(strips.iter().map(Bitmap::height).collect::<Vec<_>>(), [2, 2, 2, 1]);
        let bits: Vec<u8> = strips.iter().flat_map(|strip| strip.bits().to_vec()).collect();
        assert_eq!(bits, picture.bits());
    }

    #[test]
    fn a_drawn_picture_is_scaled_and_cut_at_the_edge() {
        let mut dot = Bitmap::new(1, 1);
        dot.blacken(0, 0);
        let mut picture = Bitmap::new(8, 3);
        picture.draw(&dot, 6, 1, 4, 4);
        assert_eq!(picture.bits(), [0, 3, 3]);
    }
}
