//! Places on the globe.

use serde::{Deserialize, Serialize};

/// Mean radius of the earth, kilometres.
const EARTH_KM: f64 = 6371.0;

/// A place on the globe, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// −90 to 90, north positive.
    pub latitude: f64,
    /// −180 to 180, east positive.
    pub longitude: f64,
}

impl Position {
    /// Whether both degrees are numbers in their range.
    pub fn is_valid(&self) -> bool {
        (-90.0..=90.0).contains(&self.latitude) && (-180.0..=180.0).contains(&self.longitude)
    }

    /// Great-circle distance in whole kilometres, rounded.
    pub fn distance_km(&self, other: &Self) -> u32 {
        Direction::from(*self).distance_km(&Direction::from(*other))
    }
}

/// A place as a unit vector from the earth's centre: comparing distances then needs no trigonometry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Direction([f64; 3]);

impl From<Position> for Direction {
    fn from(place: Position) -> Self {
        let (latitude, longitude) = (place.latitude.to_radians(), place.longitude.to_radians());
        Self([
            latitude.cos() * longitude.cos(),
            latitude.cos() * longitude.sin(),
            latitude.sin(),
        ])
    }
}

impl Direction {
    /// Grows as places come nearer: 1 for the same, −1 for opposite ones.
    pub(crate) fn nearness(&self, other: &Self) -> f64 {
        self.0.iter().zip(other.0).map(|(a, b)| a * b).sum()
    }

    pub(crate) fn distance_km(&self, other: &Self) -> u32 {
        // Rounding can leave the cosine a little outside its range.
        let angle = self.nearness(other).clamp(-1.0, 1.0).acos();
        (angle * EARTH_KM).round() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(latitude: f64, longitude: f64) -> Position {
        Position {
            latitude,
            longitude,
        }
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let (berlin, paris, sydney) = (at(52.52, 13.405), at(48.857, 2.352), at(-33.87, 151.21));
        assert!((870..890).contains(&berlin.distance_km(&paris)));
        assert!((16_000..16_200).contains(&berlin.distance_km(&sydney)));
        assert_eq!(berlin.distance_km(&berlin), 0);
        assert!(at(0.0, 179.9).distance_km(&at(0.0, -179.9)) < 30);
        assert_eq!(at(90.0, 0.0).distance_km(&at(90.0, 120.0)), 0);
    }

    #[test]
    fn what_is_no_place_is_told() {
        assert!(at(-90.0, 180.0).is_valid());
        for (latitude, longitude) in [
            (90.1, 0.0),
            (0.0, -180.1),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
        ] {
            assert!(!at(latitude, longitude).is_valid());
        }
    }
}
