//! Cities with their real state, coordinates, telephone area code and some of their zip codes.

/// A city of the United States.
#[derive(Debug)]
pub struct City {
    /// Its name.
    pub name: &'static str,
    /// The state's two letters.
    pub state: &'static str,
    /// Degrees north of the centre, in millionths.
    pub latitude: i64,
    /// Degrees east of the centre, in millionths (negative: west).
    pub longitude: i64,
    /// An area code of the city.
    pub area_code: u16,
    /// Zip codes that lie in the city.
    pub zip_codes: [&'static str; 4],
}

const fn city(
    name: &'static str,
    state: &'static str,
    (latitude, longitude): (f64, f64),
    area_code: u16,
    zip_codes: [&'static str; 4],
) -> City {
    let (latitude, longitude) = ((latitude * 1e6) as i64, (longitude * 1e6) as i64);
    City { name, state, latitude, longitude, area_code, zip_codes }
}

/// Where customers live.
#[rustfmt::skip]
pub const CITIES: &[City] = &[
    city("New York", "NY", (40.7128, -74.0060), 212, ["10001", "10011", "10025", "10036"]),
    city("Los Angeles", "CA", (34.0522, -118.2437), 213, ["90012", "90026", "90036", "90045"]),
    city("Chicago", "IL", (41.8781, -87.6298), 312, ["60601", "60614", "60622", "60647"]),
    city("Houston", "TX", (29.7604, -95.3698), 713, ["77002", "77007", "77019", "77056"]),
    city("Phoenix", "AZ", (33.4484, -112.0740), 602, ["85003", "85016", "85018", "85044"]),
    city("Philadelphia", "PA", (39.9526, -75.1652), 215, ["19103", "19107", "19123", "19147"]),
    city("San Antonio", "TX", (29.4241, -98.4936), 210, ["78205", "78209", "78216", "78230"]),
    city("San Diego", "CA", (32.7157, -117.1611), 619, ["92101", "92103", "92109", "92122"]),
    city("Dallas", "TX", (32.7767, -96.7970), 214, ["75201", "75204", "75219", "75230"]),
    city("San Jose", "CA", (37.3382, -121.8863), 408, ["95112", "95123", "95125", "95129"]),
    city("Austin", "TX", (30.2672, -97.7431), 512, ["78701", "78704", "78745", "78758"]),
    city("Jacksonville", "FL", (30.3322, -81.6557), 904, ["32202", "32207", "32225", "32256"]),
    city("Columbus", "OH", (39.9612, -82.9988), 614, ["43201", "43206", "43214", "43215"]),
    city("Charlotte", "NC", (35.2271, -80.8431), 704, ["28202", "28205", "28209", "28277"]),
    city("Indianapolis", "IN", (39.7684, -86.1581), 317, ["46202", "46204", "46220", "46240"]),
    city("San Francisco", "CA", (37.7749, -122.4194), 415, ["94103", "94110", "94117", "94122"]),
    city("Seattle", "WA", (47.6062, -122.3321), 206, ["98101", "98103", "98109", "98122"]),
    city("Denver", "CO", (39.7392, -104.9903), 303, ["80202", "80205", "80209", "80220"]),
    city("Washington", "DC", (38.9072, -77.0369), 202, ["20001", "20002", "20009", "20016"]),
    city("Boston", "MA", (42.3601, -71.0589), 617, ["02108", "02116", "02118", "02127"]),
    city("Nashville", "TN", (36.1627, -86.7816), 615, ["37203", "37206", "37209", "37215"]),
    city("Detroit", "MI", (42.3314, -83.0458), 313, ["48201", "48207", "48226", "48235"]),
    city("Portland", "OR", (45.5152, -122.6784), 503, ["97201", "97202", "97209", "97214"]),
    city("Las Vegas", "NV", (36.1699, -115.1398), 702, ["89101", "89102", "89117", "89128"]),
    city("Memphis", "TN", (35.1495, -90.0490), 901, ["38103", "38104", "38111", "38117"]),
    city("Baltimore", "MD", (39.2904, -76.6122), 410, ["21201", "21211", "21218", "21230"]),
    city("Milwaukee", "WI", (43.0389, -87.9065), 414, ["53202", "53207", "53211", "53215"]),
    city("Albuquerque", "NM", (35.0844, -106.6504), 505, ["87102", "87106", "87110", "87120"]),
    city("Atlanta", "GA", (33.7490, -84.3880), 404, ["30303", "30308", "30309", "30318"]),
    city("Miami", "FL", (25.7617, -80.1918), 305, ["33125", "33130", "33133", "33145"]),
    city("Minneapolis", "MN", (44.9778, -93.2650), 612, ["55401", "55406", "55408", "55414"]),
    city("New Orleans", "LA", (29.9511, -90.0715), 504, ["70112", "70115", "70118", "70130"]),
    city("Newark", "NJ", (40.7357, -74.1724), 973, ["07102", "07103", "07104", "07105"]),
    city("Salt Lake City", "UT", (40.7608, -111.8910), 801, ["84101", "84102", "84103", "84105"]),
    city("Kansas City", "MO", (39.0997, -94.5786), 816, ["64105", "64108", "64111", "64113"]),
    city("Honolulu", "HI", (21.3069, -157.8583), 808, ["96813", "96814", "96815", "96816"]),
];
