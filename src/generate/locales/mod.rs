//! Where a shop's customers live: a country's cities, names and money.

mod de_de;
mod en_us;
mod fr_fr;

pub use de_de::DE_DE;
pub use en_us::EN_US;
pub use fr_fr::FR_FR;

/// A country as a shop there knows it.
#[derive(Debug)]
pub struct Locale {
    /// Its language and country, as systems name them: `en_US`.
    pub name: &'static str,
    /// The country's two letters.
    pub country: &'static str,
    /// The currency's three letters.
    pub currency: &'static str,
    /// Who moves the money from one bank to another.
    pub clearing: &'static str,
    /// Where customers live.
    pub cities: &'static [City],
    /// First names by gender.
    pub first_names: FirstNames,
    /// Last names.
    pub last_names: &'static [&'static str],
}

/// `Female`, `Male` and `Other`, each with first names that go with it.
pub type FirstNames = [(&'static str, &'static [&'static str]); 3];

impl Locale {
    /// Every locale; the first is the default.
    pub const ALL: &[&Self] = &[&EN_US, &DE_DE, &FR_FR];
}

/// A city with its real state, coordinates and some of its zip codes.
#[derive(Debug)]
pub struct City {
    /// Its name.
    pub name: &'static str,
    /// The state, province or region, by its letters in ISO 3166-2.
    pub state: &'static str,
    /// Degrees north of the centre, in millionths.
    pub latitude: i64,
    /// Degrees east of the centre, in millionths (negative: west).
    pub longitude: i64,
    /// How telephone numbers begin there, and how many digits follow.
    pub phone: (&'static str, usize),
    /// Zip codes that lie in the city.
    pub zip_codes: &'static [&'static str],
}

const fn city(
    name: &'static str,
    state: &'static str,
    (latitude, longitude): (f64, f64),
    phone: (&'static str, usize),
    zip_codes: &'static [&'static str],
) -> City {
    let (latitude, longitude) = ((latitude * 1e6) as i64, (longitude * 1e6) as i64);
    City { name, state, latitude, longitude, phone, zip_codes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_zip_code_is_of_one_city_and_nothing_has_to_be_escaped() {
        for locale in Locale::ALL {
            let zip_codes: Vec<_> = locale.cities.iter().flat_map(|city| city.zip_codes).collect();
            assert_eq!(zip_codes.iter().collect::<HashSet<_>>().len(), zip_codes.len(), "{}", locale.name);
            let first_names = locale.first_names.iter().flat_map(|(_, names)| *names);
            let names =
                locale.cities.iter().map(|city| &city.name).chain(first_names).chain(locale.last_names);
            for name in names {
                assert!(!name.contains(['"', '\\', ',', '\n']) && !name.is_empty(), "{name}");
            }
        }
    }
}
