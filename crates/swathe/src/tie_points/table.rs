//! Tie points as tables that other programs read: CSV and GeoJSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Tie, TiePoints};

/// A number as JSON and CSV have it; nothing for what is not known.
fn text(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

impl TiePoints {
    /// A line for each tie point under a line of names; map coordinates are empty where there is no georeferencing.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "x,y,dx,dy,correlation,second,sigma,residual_x,residual_y,inlier,map_x,map_y,moved_map_x,moved_map_y\n",
        );
        for Tie { at, by, map, moved_map, correlation, second, sigma, residual, inlier } in &self.ties {
            let axis = |pair: &Option<[f64; 2]>, axis: usize| text(pair.map(|pair| pair[axis]));
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{},{},{correlation},{},{},{},{},{},{},{},{},{}",
                at[0],
                at[1],
                by[0],
                by[1],
                text(*second),
                text(*sigma),
                residual[0],
                residual[1],
                u8::from(*inlier),
                axis(map, 0),
                axis(map, 1),
                axis(moved_map, 0),
                axis(moved_map, 1)
            );
        }
        csv
    }

    /// A feature collection: a line from each chip to where it was found, in the reference's map coordinates (their EPSG code
    /// as GDAL writes it), or in pixels where there is no georeferencing; what CSV says stands in the properties.
    pub fn to_geojson(&self) -> String {
        let georeferenced = self.ties.iter().all(|tie| tie.map.is_some());
        let feature = |tie: &Tie| {
            let moved = [tie.at[0] + tie.by[0], tie.at[1] + tie.by[1]];
            let line = [tie.map.unwrap_or(tie.at), tie.moved_map.unwrap_or(moved)];
            json!({
                "type": "Feature",
                "geometry": { "type": "LineString", "coordinates": line },
                "properties": {
                    "x": tie.at[0], "y": tie.at[1], "dx": tie.by[0], "dy": tie.by[1],
                    "correlation": tie.correlation, "second": tie.second, "sigma": tie.sigma,
                    "residual_x": tie.residual[0], "residual_y": tie.residual[1], "inlier": tie.inlier,
                },
            })
        };
        let mut collection = json!({
            "type": "FeatureCollection",
            "name": "tie points",
            "features": self.ties.iter().map(feature).collect::<Vec<_>>(),
        });
        if let (true, Some(code)) = (georeferenced, self.epsg) {
            let name = format!("urn:ogc:def:crs:EPSG::{code}");
            collection["crs"] = json!({ "type": "name", "properties": { "name": name } });
        }
        Value::to_string(&collection) + "\n"
    }
}
