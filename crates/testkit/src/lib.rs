//! Swathe's promises as functions over the list of operators, the plain whole-image executor, random rasters.
