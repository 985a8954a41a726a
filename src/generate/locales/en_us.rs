//! The United States.

use super::{City, FirstNames, Locale, city};
use fake::locales::{Data, EN};

/// Customers in the United States. Telephone numbers begin with 555, which belong to hardly anybody.
pub const EN_US: Locale = Locale {
    name: "en_US",
    country: "US",
    currency: "USD",
    clearing: "ach",
    cities: CITIES,
    first_names: FIRST_NAMES,
    last_names: EN::NAME_LAST_NAME,
};

#[rustfmt::skip]
const CITIES: &[City] = &[
    city("New York", "NY", (40.7128, -74.0060), ("+1-212-555-", 4), &["10001", "10011", "10025", "10036"]),
    city("Los Angeles", "CA", (34.0522, -118.2437), ("+1-213-555-", 4), &["90012", "90026", "90036", "90045"]),
    city("Chicago", "IL", (41.8781, -87.6298), ("+1-312-555-", 4), &["60601", "60614", "60622", "60647"]),
    city("Houston", "TX", (29.7604, -95.3698), ("+1-713-555-", 4), &["77002", "77007", "77019", "77056"]),
    city("Phoenix", "AZ", (33.4484, -112.0740), ("+1-602-555-", 4), &["85003", "85016", "85018", "85044"]),
    city("Philadelphia", "PA", (39.9526, -75.1652), ("+1-215-555-", 4), &["19103", "19107", "19123", "19147"]),
    city("San Antonio", "TX", (29.4241, -98.4936), ("+1-210-555-", 4), &["78205", "78209", "78216", "78230"]),
    city("San Diego", "CA", (32.7157, -117.1611), ("+1-619-555-", 4), &["92101", "92103", "92109", "92122"]),
    city("Dallas", "TX", (32.7767, -96.7970), ("+1-214-555-", 4), &["75201", "75204", "75219", "75230"]),
    city("San Jose", "CA", (37.3382, -121.8863), ("+1-408-555-", 4), &["95112", "95123", "95125", "95129"]),
    city("Austin", "TX", (30.2672, -97.7431), ("+1-512-555-", 4), &["78701", "78704", "78745", "78758"]),
    city("Jacksonville", "FL", (30.3322, -81.6557), ("+1-904-555-", 4), &["32202", "32207", "32225", "32256"]),
    city("Columbus", "OH", (39.9612, -82.9988), ("+1-614-555-", 4), &["43201", "43206", "43214", "43215"]),
    city("Charlotte", "NC", (35.2271, -80.8431), ("+1-704-555-", 4), &["28202", "28205", "28209", "28277"]),
    city("Indianapolis", "IN", (39.7684, -86.1581), ("+1-317-555-", 4), &["46202", "46204", "46220", "46240"]),
    city("San Francisco", "CA", (37.7749, -122.4194), ("+1-415-555-", 4), &["94103", "94110", "94117", "94122"]),
    city("Seattle", "WA", (47.6062, -122.3321), ("+1-206-555-", 4), &["98101", "98103", "98109", "98122"]),
    city("Denver", "CO", (39.7392, -104.9903), ("+1-303-555-", 4), &["80202", "80205", "80209", "80220"]),
    city("Washington", "DC", (38.9072, -77.0369), ("+1-202-555-", 4), &["20001", "20002", "20009", "20016"]),
    city("Boston", "MA", (42.3601, -71.0589), ("+1-617-555-", 4), &["02108", "02116", "02118", "02127"]),
    city("Nashville", "TN", (36.1627, -86.7816), ("+1-615-555-", 4), &["37203", "37206", "37209", "37215"]),
    city("Detroit", "MI", (42.3314, -83.0458), ("+1-313-555-", 4), &["48201", "48207", "48226", "48235"]),
    city("Portland", "OR", (45.5152, -122.6784), ("+1-503-555-", 4), &["97201", "97202", "97209", "97214"]),
    city("Las Vegas", "NV", (36.1699, -115.1398), ("+1-702-555-", 4), &["89101", "89102", "89117", "89128"]),
    city("Memphis", "TN", (35.1495, -90.0490), ("+1-901-555-", 4), &["38103", "38104", "38111", "38117"]),
    city("Baltimore", "MD", (39.2904, -76.6122), ("+1-410-555-", 4), &["21201", "21211", "21218", "21230"]),
    city("Milwaukee", "WI", (43.0389, -87.9065), ("+1-414-555-", 4), &["53202", "53207", "53211", "53215"]),
    city("Albuquerque", "NM", (35.0844, -106.6504), ("+1-505-555-", 4), &["87102", "87106", "87110", "87120"]),
    city("Atlanta", "GA", (33.7490, -84.3880), ("+1-404-555-", 4), &["30303", "30308", "30309", "30318"]),
    city("Miami", "FL", (25.7617, -80.1918), ("+1-305-555-", 4), &["33125", "33130", "33133", "33145"]),
    city("Minneapolis", "MN", (44.9778, -93.2650), ("+1-612-555-", 4), &["55401", "55406", "55408", "55414"]),
    city("New Orleans", "LA", (29.9511, -90.0715), ("+1-504-555-", 4), &["70112", "70115", "70118", "70130"]),
    city("Newark", "NJ", (40.7357, -74.1724), ("+1-973-555-", 4), &["07102", "07103", "07104", "07105"]),
    city("Salt Lake City", "UT", (40.7608, -111.8910), ("+1-801-555-", 4), &["84101", "84102", "84103", "84105"]),
    city("Kansas City", "MO", (39.0997, -94.5786), ("+1-816-555-", 4), &["64105", "64108", "64111", "64113"]),
    city("Honolulu", "HI", (21.3069, -157.8583), ("+1-808-555-", 4), &["96813", "96814", "96815", "96816"]),
];

#[rustfmt::skip]
const FIRST_NAMES: FirstNames = [
    ("Female", &[
        "Alice", "Amanda", "Amelia", "Angela", "Anna", "Ava", "Barbara", "Betty", "Carmen", "Carol", "Charlotte",
        "Chloe", "Christina", "Deborah", "Diana", "Donna", "Elena", "Elizabeth", "Ella", "Emily", "Emma", "Eva",
        "Evelyn", "Fatima", "Grace", "Hannah", "Helen", "Irene", "Isabella", "Jane", "Jasmine", "Jennifer", "Jessica",
        "Julia", "Karen", "Katherine", "Kimberly", "Laura", "Lily", "Linda", "Lisa", "Lucy", "Margaret", "Maria",
        "Mary", "Mei", "Mia", "Michelle", "Nancy", "Natalie", "Nicole", "Nina", "Nora", "Olivia", "Patricia", "Priya",
        "Rachel", "Rebecca", "Rosa", "Ruth", "Sandra", "Sarah", "Sofia", "Sophia", "Susan", "Teresa", "Victoria", "Zoe",
    ]),
    ("Male", &[
        "Aaron", "Adam", "Ahmed", "Alan", "Alexander", "Andrew", "Anthony", "Antonio", "Arjun", "Benjamin", "Brandon",
        "Brian", "Carlos", "Charles", "Christopher", "Daniel", "David", "Diego", "Donald", "Edward", "Eric", "Ethan",
        "Frank", "Gary", "George", "Gregory", "Henry", "Isaac", "Jack", "Jacob", "James", "Jason", "Jeffrey", "John",
        "Jonathan", "Jose", "Joseph", "Joshua", "Juan", "Justin", "Kenneth", "Kevin", "Larry", "Leo", "Liam", "Lucas",
        "Luis", "Mark", "Matthew", "Michael", "Nathan", "Nicholas", "Noah", "Omar", "Patrick", "Paul", "Peter", "Raymond",
        "Richard", "Robert", "Ryan", "Samuel", "Scott", "Stephen", "Steven", "Thomas", "Timothy", "Victor", "Wei", "William",
    ]),
    ("Other", &[
        "Alex", "Avery", "Casey", "Charlie", "Dakota", "Jamie", "Jordan", "Morgan", "Quinn", "Riley", "Robin", "Rowan",
        "Sam", "Skyler", "Taylor",
    ]),
];
