//! Filter rasters bigger than memory: the library.
