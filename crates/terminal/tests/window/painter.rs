//! Draws what egui would hand to a graphics card, without one: the same triangles into a picture.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use dream_soft_render::{ClipRect, Color, Mesh, SoftwareRenderer, TextureId, Vertex};
use eframe::egui::{
    self, ClippedPrimitive, Color32, Context, FullOutput, ImageData, TexturesDelta, epaint, vec2,
};

/// Textures and the last picture.
#[derive(Default)]
pub(crate) struct Painter {
    renderer: SoftwareRenderer,
    textures: BTreeMap<egui::TextureId, TextureId>,
}

/// A picture: rows of red, green, blue, alpha.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

impl Painter {
    /// Takes textures that are new or have changed.
    pub(crate) fn take(&mut self, mut delta: TexturesDelta) {
        let mut set: Vec<_> = delta.set.drain().collect();
        set.sort_by_key(|(id, _)| *id);
        for (id, images) in set {
            for delta in images {
                let ImageData::Color(image) = &delta.image;
                let [width, height] = image.size;
                let bytes: Vec<u8> = image.pixels.iter().flat_map(Color32::to_array).collect();
                if let (Some([x, y]), Some(texture)) = (delta.pos, self.textures.get(&id)) {
                    let done = self.renderer.update_texture(*texture, x, y, width, height, &bytes);
                    done.unwrap();
                    continue;
                }
                let new = self.renderer.create_texture(width, height, &bytes).unwrap();
                if let Some(old) = self.textures.insert(id, new) {
                    self.renderer.free_texture(old).unwrap();
                }
            }
        }
        let mut free: Vec<_> = delta.free.drain().collect();
        free.sort();
        for id in free {
            if let Some(texture) = self.textures.remove(&id) {
                self.renderer.free_texture(texture).unwrap();
            }
        }
    }

    /// Draws a frame's shapes.
    pub(crate) fn draw(
        &mut self,
        ctx: &Context,
        output: &FullOutput,
        (width, height): (usize, usize),
    ) -> Picture {
        let primitives = ctx.tessellate(output.shapes.clone(), 1.0);
        // The renderer draws no more than a certain number of pixels at a time.
        let band = height.div_ceil(2);
        let mut pixels = Vec::new();
        for top in (0..height).step_by(band) {
            pixels.extend(self.band(&primitives, (width, top, band.min(height - top))));
        }
        Picture { width, height, pixels }
    }

    fn band(
        &mut self,
        primitives: &[ClippedPrimitive],
        (width, top, height): (usize, usize, usize),
    ) -> Vec<u8> {
        let up = f32::from(u16::try_from(top).unwrap());
        let mut frame = self.renderer.begin_frame(width, height).unwrap();
        frame.clear(Color::from_rgb(0, 0, 0));
        for primitive in primitives {
            let epaint::Primitive::Mesh(mesh) = &primitive.primitive else { continue };
            let Some(texture) = self.textures.get(&mesh.texture_id) else { continue };
            let vertices: Vec<Vertex> = mesh
                .vertices
                .iter()
                .map(|vertex| {
                    let [r, g, b, a] = vertex.color.to_array();
                    let colour = Color::from_rgba_premultiplied(r, g, b, a);
                    Vertex::new(
                        [vertex.pos.x, vertex.pos.y - up],
                        [vertex.uv.x, vertex.uv.y],
                        colour,
                    )
                })
                .collect();
            let mesh =
                Mesh { vertices: &vertices, indices: &mesh.indices, texture: Some(*texture) };
            frame.mesh(mesh, clip(primitive.clip_rect.translate(vec2(0.0, -up)))).unwrap();
        }
        frame.surface().pixels.clone()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place on the screen, not below zero and small"
)]
fn clip(rect: egui::Rect) -> ClipRect {
    let whole = |at: f32| at.round().max(0.0) as u32;
    ClipRect::new(whole(rect.min.x), whole(rect.min.y), whole(rect.max.x), whole(rect.max.y))
}

impl Picture {
    /// Writes it as a PNG.
    pub(crate) fn save(&self, path: &Path) {
        let file = BufWriter::new(File::create(path).unwrap());
        let (width, height) = (self.width.try_into().unwrap(), self.height.try_into().unwrap());
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let opaque: Vec<u8> =
            self.pixels.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
        encoder.write_header().unwrap().write_image_data(&opaque).unwrap();
    }

    /// How many colours it has: a screen that drew nothing has one.
    pub(crate) fn colours(&self) -> usize {
        let colours: std::collections::BTreeSet<&[u8]> = self.pixels.chunks_exact(4).collect();
        colours.len()
    }
}
