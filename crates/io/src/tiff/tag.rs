//! The numbers of TIFF tags that are interpreted, and the words for them.

macro_rules! tags {
    ($($name:ident $number:literal $words:literal),+ $(,)?) => {
        $(pub(crate) const $name: u16 = $number;)+
        /// The name of a tag as the specifications write it.
        pub(crate) fn name(tag: u16) -> &'static str {
            match tag { $($number => $words,)+ _ => "an unknown tag" }
        }
        /// True for tags that this module reads and writes itself.
        pub(crate) fn is_interpreted(tag: u16) -> bool {
            matches!(tag, $($number)|+)
        }
    };
}

tags! {
    NEW_SUBFILE_TYPE 254 "NewSubfileType",
    SUBFILE_TYPE 255 "SubfileType",
    IMAGE_WIDTH 256 "ImageWidth",
    IMAGE_LENGTH 257 "ImageLength",
    BITS_PER_SAMPLE 258 "BitsPerSample",
    COMPRESSION 259 "Compression",
    PHOTOMETRIC 262 "PhotometricInterpretation",
    FILL_ORDER 266 "FillOrder",
    STRIP_OFFSETS 273 "StripOffsets",
    SAMPLES_PER_PIXEL 277 "SamplesPerPixel",
    ROWS_PER_STRIP 278 "RowsPerStrip",
    STRIP_BYTE_COUNTS 279 "StripByteCounts",
    X_RESOLUTION 282 "XResolution",
    Y_RESOLUTION 283 "YResolution",
    PLANAR_CONFIGURATION 284 "PlanarConfiguration",
    T4_OPTIONS 292 "T4Options",
    T6_OPTIONS 293 "T6Options",
    RESOLUTION_UNIT 296 "ResolutionUnit",
    PREDICTOR 317 "Predictor",
    COLOR_MAP 320 "ColorMap",
    TILE_WIDTH 322 "TileWidth",
    TILE_LENGTH 323 "TileLength",
    TILE_OFFSETS 324 "TileOffsets",
    TILE_BYTE_COUNTS 325 "TileByteCounts",
    SUB_IFDS 330 "SubIFDs",
    EXTRA_SAMPLES 338 "ExtraSamples",
    SAMPLE_FORMAT 339 "SampleFormat",
    JPEG_TABLES 347 "JPEGTables",
    MODEL_PIXEL_SCALE 33550 "ModelPixelScale",
    MODEL_TIEPOINT 33922 "ModelTiepoint",
    MODEL_TRANSFORMATION 34264 "ModelTransformation",
    GEO_KEY_DIRECTORY 34735 "GeoKeyDirectory",
    GEO_DOUBLE_PARAMS 34736 "GeoDoubleParams",
    GEO_ASCII_PARAMS 34737 "GeoAsciiParams",
    GDAL_METADATA 42112 "GDAL_METADATA",
    GDAL_NODATA 42113 "GDAL_NODATA",
    LERC_PARAMETERS 50674 "LercParameters",
}

/// The word for a compression scheme.
pub(crate) fn compression_name(compression: u16) -> &'static str {
    match compression {
        1 => "none",
        2 => "CCITT modified Huffman",
        3 => "CCITT fax 3",
        4 => "CCITT fax 4",
        5 => "LZW",
        6 => "old JPEG",
        7 => "JPEG",
        8 | 32946 => "Deflate",
        32773 => "PackBits",
        34712 => "JPEG 2000",
        34887 => "LERC",
        34925 => "LZMA",
        50000 => "ZSTD",
        50001 => "WebP",
        50002 | 52546 => "JPEG XL",
        32766 => "NeXT",
        32771 => "CCITT modified Huffman, by words",
        32809 => "ThunderScan",
        34676 | 34677 => "SGI Log",
        _ => "unknown",
    }
}

/// The word for a sample format.
pub(crate) fn sample_format_name(format: u64) -> &'static str {
    match format {
        1 => "unsigned integers",
        2 => "signed integers",
        3 => "floats",
        4 => "undefined data",
        5 => "complex integers",
        6 => "complex floats",
        _ => "an unknown format",
    }
}

/// The word for a photometric interpretation.
pub(crate) fn photometric_name(photometric: u16) -> &'static str {
    match photometric {
        0 => "MinIsWhite",
        1 => "MinIsBlack",
        2 => "RGB",
        3 => "palette",
        4 => "transparency mask",
        5 => "separated",
        6 => "YCbCr",
        8 => "CIELab",
        9 => "ICCLab",
        10 => "ITULab",
        32803 => "colour filter array",
        32844 => "LogL",
        32845 => "LogLuv",
        34892 => "linear raw",
        _ => "unknown",
    }
}
