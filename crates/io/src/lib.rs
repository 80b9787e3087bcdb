//! Where Swathe's pixels come from and go to: memory maps, TIFF, ENVI, NPY, raw, PNG.
