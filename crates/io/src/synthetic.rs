//! Made-up rasters of any size that look like imagery, from a seed: mountains and plains, woods, parcels with sharp
//! edges, streams, roads, roofs, and the noise of a sensor or the speckle of a radar.
//!
//! Every pixel is a pure function of seed, band, column and row: the same bits for every window, thread and machine.
//! Only additions, multiplications, divisions and square roots are used, which IEEE 754 defines exactly, and
//! integers; nothing of the mathematical library.

mod hash;
mod lanes;
mod noise;
mod parcels;
mod plain;
mod quantise;
mod scene;
mod speckle;
mod spectra;
mod terrain;
#[cfg(test)]
mod tests;

use swathe_core::{
    Colour, Error, Frame, GeoKeys, GeoTransform, MetadataItem, RasterInfo, Result, SampleType, ScratchSize,
    Size, Source, TileMut, Window,
};

use quantise::Scale;
use scene::{Strip, add_sensor_noise, strips};
use spectra::Spectrum;

/// What a synthetic raster shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// Land as an optical satellite sees it: reflectance.
    #[default]
    Scene,
    /// White noise over the whole range of the sample type; floats from 0 to 1.
    Noise,
    /// `column + row + 16 * band`, modulo what the sample type counts exactly.
    Ramp,
    /// The same land as a radar sees it: intensity with multiplicative speckle.
    Sar,
}

impl Pattern {
    /// Every pattern.
    pub const ALL: [Pattern; 4] = [Pattern::Scene, Pattern::Noise, Pattern::Ramp, Pattern::Sar];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Pattern::Scene => "scene",
            Pattern::Noise => "noise",
            Pattern::Ramp => "ramp",
            Pattern::Sar => "sar",
        }
    }

    /// Reads `scene`, `noise`, `ramp` or `sar`.
    ///
    /// # Errors
    /// Usage, if it is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        let names = Pattern::ALL.map(Pattern::name).join(", ");
        Pattern::ALL
            .into_iter()
            .find(|pattern| pattern.name() == text)
            .ok_or_else(|| Error::usage(format!("`{text}` is not a pattern; the patterns are {names}")))
    }
}

/// What [`SyntheticSource`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntheticOptions {
    /// Columns and rows, each at most 2^31 - 1.
    pub size: Size,
    /// Number of bands. Of a scene: red, green, blue, near infrared, red edge ...; of a radar: VV, VH.
    pub bands: usize,
    /// The type of every sample; values are scaled to it.
    pub sample_type: SampleType,
    /// Another seed, another land.
    pub seed: u64,
    /// What it shows.
    pub pattern: Pattern,
    /// Looks of a radar, 1 to 100: more looks, less speckle. Other patterns do not ask.
    pub looks: u32,
}

impl Default for SyntheticOptions {
    /// 4096 x 4096 pixels of one band `u16` of a scene; 4 looks.
    fn default() -> Self {
        SyntheticOptions {
            size: Size::new(4096, 4096),
            bands: 1,
            sample_type: SampleType::U16,
            seed: 1,
            pattern: Pattern::Scene,
            looks: 4,
        }
    }
}

/// A raster that is computed where it is read. Georeferenced: UTM zone 33 north, pixels of 10 m.
#[derive(Debug)]
pub struct SyntheticSource {
    options: SyntheticOptions,
    info: RasterInfo,
    name: String,
    spectra: Vec<Spectrum>,
}

impl SyntheticSource {
    /// A source of what `options` say.
    ///
    /// # Errors
    /// Usage, where size, bands or looks are 0 or too many; Limit, where the raster is larger than 2^63 bytes.
    pub fn new(options: SyntheticOptions) -> Result<Self> {
        const GREATEST: usize = i32::MAX as usize;
        let Size { width, height } = options.size;
        if options.size.is_empty() || width > GREATEST || height > GREATEST {
            return Err(Error::usage(format!(
                "a synthetic raster of {} is asked for; width and height are 1 to {GREATEST}",
                options.size
            )));
        }
        if !(1..=65_535).contains(&options.bands) {
            let bands = options.bands;
            return Err(Error::usage(format!("{bands} bands are asked for; a raster has 1 to 65535")));
        }
        if !(1..=100).contains(&options.looks) {
            return Err(Error::usage(format!("{} looks are asked for; a radar has 1 to 100", options.looks)));
        }
        let mut info = RasterInfo::new(options.size, options.bands, options.sample_type);
        info.pixel_bytes()?;
        georeference(&mut info);
        let spectra = name_bands(&mut info, options);
        let name = format!("synthetic {}, seed {}", options.pattern.name(), options.seed);
        Ok(SyntheticSource { options, info, name, spectra })
    }

    /// The bands of a strip of columns of a scene, optical or radar.
    fn read_strip(&self, output: &mut TileMut<'_>, x: i64, width: usize, scratch: &mut Frame<'_>) {
        let SyntheticOptions { seed, looks, sample_type, .. } = self.options;
        let window = output.window();
        let radar = self.options.pattern == Pattern::Sar;
        let scale = if radar { Scale::backscatter(sample_type) } else { Scale::reflectance(sample_type) };
        let mut strip = Strip::new(seed, x, width, scratch);
        let (start, columns) = strip.columns();
        let values = scratch.take::<f32>(columns);
        let mut working = [scratch.take::<f32>(columns), scratch.take::<f32>(columns)];
        let skip = (x - start) as usize;
        for row in 0..window.height {
            let y = window.y + row as i64;
            let cover = strip.row(y);
            for (band, spectrum) in self.spectra.iter().enumerate() {
                if radar {
                    cover.backscatter(spectrum, values);
                    speckle::multiply(
                        seed,
                        band,
                        looks,
                        [start, y],
                        working.each_mut().map(|w| &mut **w),
                        values,
                    );
                } else {
                    cover.reflectance(spectrum, values);
                    add_sensor_noise(seed, band, start, y, values);
                }
                let column = (x - window.x) as usize;
                scale.store(&values[skip..skip + width], output, band, row, column);
            }
        }
    }
}

impl Source for SyntheticSource {
    fn info(&self) -> &RasterInfo {
        &self.info
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn block(&self) -> Size {
        Size::new(256, 256)
    }

    fn resident_bytes(&self) -> usize {
        self.spectra.len() * size_of::<Spectrum>()
    }

    fn scratch_bytes(&self, window: Size) -> usize {
        match self.options.pattern {
            Pattern::Scene | Pattern::Sar => {
                let size = Strip::scratch(ScratchSize::new(), window.width);
                (0..3).fold(size, |size, _| size.with::<f32>(Strip::widest(window.width))).bytes()
            }
            Pattern::Noise | Pattern::Ramp => 0,
        }
    }

    fn mapped_bytes(&self, _window: Size) -> usize {
        0
    }

    fn read(&self, output: &mut TileMut<'_>, scratch: &mut Frame<'_>) -> Result<()> {
        let window = output.window();
        if output.kind() != self.info.kind() || !self.info.window().contains(window) {
            return Err(Error::bug(format!("{}: asked for window {window} or a kind it has not", self.name)));
        }
        match self.options.pattern {
            Pattern::Scene | Pattern::Sar => {
                for (x, width) in strips(window) {
                    self.read_strip(output, x, width, &mut scratch.inner());
                }
            }
            Pattern::Noise => plain::noise(self.options.seed, output),
            Pattern::Ramp => plain::ramp(output),
        }
        Ok(())
    }

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn method(&self) -> String {
        "computed".to_owned()
    }

    fn stored_bytes_read(&self) -> u64 {
        0
    }

    fn stored_bytes(&self, _window: Window) -> u64 {
        0
    }
}

fn georeference(info: &mut RasterInfo) {
    let georeferencing = &mut info.georeferencing;
    georeferencing.transform = Some(GeoTransform([399_960.0, 10.0, 0.0, 5_300_040.0, 0.0, -10.0]));
    // GTModelType projected, GTRasterType pixel is area, ProjectedCSType WGS 84 / UTM zone 33N.
    let directory = vec![1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633];
    georeferencing.keys = Some(GeoKeys { directory, ..GeoKeys::default() });
}

/// Says what each band is; returns the spectra of those that show land.
fn name_bands(info: &mut RasterInfo, options: SyntheticOptions) -> Vec<Spectrum> {
    let list = match options.pattern {
        Pattern::Scene => spectra::optical,
        Pattern::Sar => spectra::radar,
        Pattern::Noise | Pattern::Ramp => return Vec::new(),
    };
    let mut chosen = Vec::with_capacity(options.bands);
    for band in 0..options.bands {
        let (description, spectrum) = list(options.seed, band);
        chosen.push(spectrum);
        info.metadata.items.push(MetadataItem {
            name: "DESCRIPTION".to_owned(),
            value: description,
            band: Some(band),
            role: "description".to_owned(),
            domain: String::new(),
        });
    }
    let mut colours = vec![Colour::Undefined; options.bands];
    if options.pattern == Pattern::Scene && options.bands >= 3 {
        colours[..3].copy_from_slice(&[Colour::Red, Colour::Green, Colour::Blue]);
    } else {
        colours[0] = Colour::Gray;
    }
    info.metadata.colours = colours;
    chosen
}
