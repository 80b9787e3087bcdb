//! The scene: what covers each pixel, and what a sensor sees of it.
//!
//! A pixel is a linear mixture of six end-members (plants, soil, ...) under a light; a band is a weight for each of
//! them. So bands are correlated as those of a satellite are, and none is a multiple of another.

use swathe_core::{Frame, ScratchSize, Window};

use super::hash::{HashRow, key};
use super::lanes::{at_least, at_most, choose};
use super::noise::{NODE, blend_rows, spread_nodes};
use super::parcels::{Districts, Ground, Grounds, SEGMENT, STRIP};
use super::spectra::{MEMBERS, Spectrum};
use super::terrain::{FIELDS, Field, NodeRows, Terrain};

const FIELD_ORDER: [Field; FIELDS] =
    [Field::Height, Field::Light, Field::Shore, Field::Wood, Field::Texture, Field::Moisture];

/// One row of a strip: end-members and light of each pixel.
pub(super) struct CoverRow<'a> {
    members: [&'a mut [f32]; MEMBERS],
    light: &'a mut [f32],
}

/// The pixels of a strip of a window, row after row.
pub(super) struct Strip<'a> {
    /// First column, a multiple of [`SEGMENT`], and columns.
    x: i64,
    width: usize,
    rows: NodeRows<'a>,
    districts: Districts,
    blended: &'a mut [f32],
    fields: [&'a mut [f32]; FIELDS],
    cover: CoverRow<'a>,
}

const fn nodes_of(width: usize) -> usize {
    width / NODE + 3
}

/// The columns that are computed for columns `x..x + width`, which cross no multiple of [`STRIP`].
fn columns(x: i64, width: usize) -> (i64, usize) {
    let segment = SEGMENT as i64;
    let start = x.div_euclid(segment) * segment;
    let end = (x + width as i64 + segment - 1).div_euclid(segment) * segment;
    (start, (end - start) as usize)
}

impl<'a> Strip<'a> {
    /// Scratch that [`Strip::new`] takes at most for a part of a window of this width.
    pub(super) fn scratch(size: ScratchSize, width: usize) -> ScratchSize {
        let width = Strip::widest(width);
        let size = NodeRows::scratch(size, nodes_of(width)).with::<f32>(nodes_of(width));
        (0..FIELDS + MEMBERS + 1).fold(size, |size, _| size.with::<f32>(width))
    }

    /// Columns of the widest strip for a part of a window of this width, wherever it lies.
    pub(super) fn widest(width: usize) -> usize {
        (width.saturating_add(2 * (SEGMENT - 1)) / SEGMENT * SEGMENT).min(STRIP)
    }

    /// The strip that holds columns `x..x + width`, which cross no multiple of [`STRIP`].
    pub(super) fn new(seed: u64, x: i64, width: usize, scratch: &mut Frame<'a>) -> Self {
        let (x, width) = columns(x, width);
        let nodes = nodes_of(width);
        let first = x.div_euclid(NODE as i64) - 1;
        Strip {
            x,
            width,
            rows: NodeRows::new(Terrain::new(seed), first, nodes, scratch),
            districts: Districts::new(seed, x),
            blended: scratch.take(nodes),
            fields: std::array::from_fn(|_| scratch.take(width)),
            cover: CoverRow {
                members: std::array::from_fn(|_| scratch.take(width)),
                light: scratch.take(width),
            },
        }
    }

    /// First column and columns of the rows.
    pub(super) fn columns(&self) -> (i64, usize) {
        (self.x, self.width)
    }

    /// Computes row `y`; called with `y` growing.
    pub(super) fn row(&mut self, y: i64) -> &CoverRow<'a> {
        let node_y = y.div_euclid(NODE as i64);
        let phase = y.rem_euclid(NODE as i64) as usize;
        self.rows.advance(node_y);
        for (field, pixels) in FIELD_ORDER.into_iter().zip(&mut self.fields) {
            let four = std::array::from_fn(|i| self.rows.row(field, node_y - 1 + i as i64));
            blend_rows(four, phase, self.blended);
            spread_nodes(self.blended, pixels);
        }
        for start in (0..self.width).step_by(SEGMENT) {
            let smooth = Smooth::new(&self.fields, start);
            let grounds = if smooth.any_farmed() {
                self.districts.ground(self.x + start as i64, y)
            } else {
                Grounds::NONE
            };
            cover_segment(&smooth, &grounds, start, &mut self.cover);
        }
        &self.cover
    }
}

#[inline(always)]
fn segment(row: &[f32], start: usize) -> &[f32; SEGMENT] {
    row[start..].first_chunk().expect("strips are whole segments")
}

#[inline(always)]
fn segment_mut(row: &mut [f32], start: usize) -> &mut [f32; SEGMENT] {
    row[start..].first_chunk_mut().expect("strips are whole segments")
}

/// Shares of plants, soil, dry plants, water, snow and roofs, and the light.
#[derive(Clone, Copy)]
struct Cover {
    green: f32,
    soil: f32,
    dry: f32,
    water: f32,
    snow: f32,
    roof: f32,
    light: f32,
}

impl Cover {
    const NONE: Cover =
        Cover { green: 0.0, soil: 0.0, dry: 0.0, water: 0.0, snow: 0.0, roof: 0.0, light: 1.0 };

    /// This cover, or another where `condition` holds, without a branch: what covers land changes from pixel to pixel.
    #[inline(always)]
    fn unless(self, condition: bool, other: Cover) -> Cover {
        Cover {
            green: choose(condition, other.green, self.green),
            soil: choose(condition, other.soil, self.soil),
            dry: choose(condition, other.dry, self.dry),
            water: choose(condition, other.water, self.water),
            snow: choose(condition, other.snow, self.snow),
            roof: choose(condition, other.roof, self.roof),
            light: choose(condition, other.light, self.light),
        }
    }
}

/// The smooth fields of a segment: arrays of its own, so that the compiler sees that nothing overlaps.
#[derive(Clone, Copy)]
struct Smooth {
    height: [f32; SEGMENT],
    light: [f32; SEGMENT],
    shore: [f32; SEGMENT],
    wood: [f32; SEGMENT],
    texture: [f32; SEGMENT],
    moisture: [f32; SEGMENT],
}

impl Smooth {
    fn new(fields: &[&mut [f32]; FIELDS], start: usize) -> Self {
        let segment = |field: Field| *segment(fields[field as usize], start);
        Smooth {
            height: segment(Field::Height),
            light: segment(Field::Light),
            shore: segment(Field::Shore),
            wood: segment(Field::Wood),
            texture: segment(Field::Texture),
            moisture: segment(Field::Moisture),
        }
    }

    /// Whether pixel `i` is wooded, whatever else it is.
    #[inline(always)]
    fn wooded(&self, i: usize) -> bool {
        self.wood[i] + 0.06 * self.texture[i] > 0.0
    }

    /// Whether pixel `i` lies above the trees.
    #[inline(always)]
    fn alpine(&self, i: usize) -> bool {
        self.height[i] + 0.10 * self.texture[i] + 0.15 * self.moisture[i] > 0.75
    }

    /// Whether any pixel may be farmed.
    fn any_farmed(&self) -> bool {
        (0..SEGMENT).fold(false, |any, i| any | !(self.wooded(i) | self.alpine(i)))
    }
}

fn cover_segment(smooth: &Smooth, grounds: &Grounds, start: usize, row: &mut CoverRow<'_>) {
    let mut shares = [[0.0; SEGMENT]; MEMBERS];
    let mut light = [0.0; SEGMENT];
    for i in 0..SEGMENT {
        let cover = cover(smooth, grounds.at(i), i);
        shares[0][i] = cover.green;
        shares[1][i] = cover.soil;
        shares[2][i] = cover.dry;
        shares[3][i] = cover.water;
        shares[4][i] = cover.snow;
        shares[5][i] = cover.roof;
        light[i] = cover.light;
    }
    for (member, shares) in row.members.iter_mut().zip(shares) {
        *segment_mut(member, start) = shares;
    }
    *segment_mut(row.light, start) = light;
}

/// What covers pixel `i`, from its smooth fields and what a farmer would have made of it.
#[inline(always)]
fn cover(smooth: &Smooth, ground: Ground, i: usize) -> Cover {
    let (height, light, shore) = (smooth.height[i], smooth.light[i], smooth.shore[i]);
    let (texture, moisture) = (smooth.texture[i], smooth.moisture[i]);
    let vary = 1.0 + 0.10 * texture;
    let land = Cover {
        green: ground.green * (1.0 + 0.35 * moisture),
        soil: ground.soil * vary * (1.0 - 0.25 * moisture),
        dry: ground.dry,
        roof: ground.roof,
        light: light * (1.0 + 0.05 * texture),
        ..Cover::NONE
    };
    let crowns = 0.92 + 0.32 * texture;
    let wood = Cover { green: 0.62 + 0.12 * moisture, soil: 0.06, light: light * crowns, ..Cover::NONE };
    let land = land.unless(smooth.wooded(i), wood);

    // Above the trees: meadows, then rock, then snow where it is not too steep.
    let rough = height + 0.10 * texture;
    let bare = at_most(at_least((rough - 0.85) * 2.5, 0.0), 1.0);
    let meadow = (0.6 + 0.1 * moisture) * (1.0 - bare);
    let heights =
        Cover { green: meadow, soil: 0.25 + 0.65 * bare, dry: 0.15, light: light * vary, ..Cover::NONE };
    let land = land.unless(smooth.alpine(i), heights);
    let snow = Cover { soil: 0.05, snow: 0.95, light: light * (1.0 + 0.04 * texture), ..Cover::NONE };
    let land = land.unless(rough + 0.35 * (light - 1.0) > 2.1, snow);

    let bank = Cover { green: 0.75, soil: 0.05, light: light * (0.85 + 0.3 * texture), ..Cover::NONE };
    let land = land.unless((shore < 2.5 + 1.5 * texture) & (height < 0.5), bank);
    let water = Cover { soil: 0.02, water: 1.0, light: 1.0 + 0.05 * texture, ..Cover::NONE };
    land.unless(shore < 0.0, water)
}

impl CoverRow<'_> {
    /// What an optical band sees: reflectance.
    pub(super) fn reflectance(&self, spectrum: &Spectrum, values: &mut [f32]) {
        self.weigh(spectrum, |light| light, values);
    }

    /// What a radar sees: backscatter before speckle. Slopes that face it shine much more than they do in the sun.
    pub(super) fn backscatter(&self, spectrum: &Spectrum, values: &mut [f32]) {
        self.weigh(spectrum, |light| light * light * light, values);
    }

    #[inline(always)]
    fn weigh(&self, spectrum: &Spectrum, lit: impl Fn(f32) -> f32, values: &mut [f32]) {
        let length = values.len();
        let [a, b, c, d, e, f] = self.members.each_ref().map(|member| &member[..length]);
        let light = &self.light[..length];
        let [wa, wb, wc, wd, we, wf] = *spectrum;
        for (i, value) in values.iter_mut().enumerate() {
            let mixed = (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i]) + (we * e[i] + wf * f[i]);
            *value = mixed * lit(light[i]);
        }
    }
}

/// Adds the sensor's noise: near normal, 1.5 % of the value and 0.0015 beside it, of its own in each band.
pub(super) fn add_sensor_noise(seed: u64, band: usize, x: i64, y: i64, values: &mut [f32]) {
    let hashes = HashRow::new(key(seed, 1000 + band as u64), y);
    for (value, step) in values.iter_mut().zip(0_u32..) {
        let hash = hashes.at((x as u32).wrapping_add(step));
        // The sum of four bytes has a standard deviation of 147.8.
        let pairs = (hash & 0x00FF_00FF) + ((hash >> 8) & 0x00FF_00FF);
        let sum = ((pairs & 0xFFFF) + (pairs >> 16)) as i32 - 510;
        let normal = sum as f32 * (1.0 / 147.8);
        *value += normal * (*value * 0.015 + 0.0015);
    }
}

/// Cuts a window into parts that cross no multiple of [`STRIP`] columns.
pub(super) fn strips(window: Window) -> impl Iterator<Item = (i64, usize)> {
    let mut x = window.x;
    std::iter::from_fn(move || {
        let end = window.x_end().min((x.div_euclid(STRIP as i64) + 1) * STRIP as i64);
        let part = (end > x).then(|| (x, (end - x) as usize));
        x = end;
        part
    })
}
