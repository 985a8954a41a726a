//! Germany.

use super::{City, FirstNames, Locale, city};
use fake::locales::{DE_DE as NAMES, Data};

/// Customers in Germany. Telephone numbers are those that the Bundesnetzagentur keeps free for films.
pub const DE_DE: Locale = Locale {
    name: "de_DE",
    country: "DE",
    currency: "EUR",
    clearing: "sepa",
    cities: CITIES,
    first_names: FIRST_NAMES,
    // The first ones are those of specimens of identity cards.
    last_names: NAMES::NAME_LAST_NAME.split_at(14).1,
};

/// Where a city has no numbers for films, its people have mobile telephones.
const MOBILE: (&str, usize) = ("+49-176-040690", 2);

#[rustfmt::skip]
const CITIES: &[City] = &[
    city("Berlin", "BE", (52.5200, 13.4050), ("+49-30-23125", 3), &["10115", "10243", "10435", "10969"]),
    city("Hamburg", "HH", (53.5511, 9.9937), ("+49-40-66969", 3), &["20095", "20144", "20257", "22303"]),
    city("München", "BY", (48.1351, 11.5820), ("+49-89-99998", 3), &["80331", "80469", "80799", "81541"]),
    city("Köln", "NW", (50.9375, 6.9603), ("+49-221-4710", 3), &["50667", "50674", "50823", "50937"]),
    city("Frankfurt am Main", "HE", (50.1109, 8.6821), ("+49-69-90009", 3), &["60311", "60316", "60486", "60594"]),
    city("Stuttgart", "BW", (48.7758, 9.1829), MOBILE, &["70173", "70176", "70182", "70197"]),
    city("Düsseldorf", "NW", (51.2277, 6.7735), MOBILE, &["40210", "40213", "40221", "40477"]),
    city("Leipzig", "SN", (51.3397, 12.3731), MOBILE, &["04103", "04107", "04109", "04229"]),
    city("Dortmund", "NW", (51.5136, 7.4653), MOBILE, &["44135", "44137", "44139", "44141"]),
    city("Essen", "NW", (51.4556, 7.0116), MOBILE, &["45127", "45130", "45131", "45147"]),
    city("Bremen", "HB", (53.0793, 8.8017), MOBILE, &["28195", "28199", "28203", "28209"]),
    city("Dresden", "SN", (51.0504, 13.7373), MOBILE, &["01067", "01069", "01097", "01099"]),
    city("Hannover", "NI", (52.3759, 9.7320), MOBILE, &["30159", "30161", "30167", "30171"]),
    city("Nürnberg", "BY", (49.4521, 11.0767), MOBILE, &["90402", "90403", "90408", "90429"]),
    city("Kiel", "SH", (54.3233, 10.1228), MOBILE, &["24103", "24105", "24114", "24116"]),
    city("Mainz", "RP", (49.9929, 8.2473), MOBILE, &["55116", "55118", "55122", "55131"]),
    city("Saarbrücken", "SL", (49.2402, 6.9969), MOBILE, &["66111", "66113", "66117", "66119"]),
    city("Erfurt", "TH", (50.9848, 11.0299), MOBILE, &["99084", "99085", "99086", "99089"]),
    city("Magdeburg", "ST", (52.1205, 11.6276), MOBILE, &["39104", "39106", "39108", "39112"]),
    city("Potsdam", "BB", (52.3906, 13.0645), MOBILE, &["14467", "14469", "14471", "14482"]),
    city("Rostock", "MV", (54.0924, 12.0991), MOBILE, &["18055", "18057", "18059", "18069"]),
    city("Freiburg im Breisgau", "BW", (47.9990, 7.8421), MOBILE, &["79098", "79100", "79102", "79104"]),
];

#[rustfmt::skip]
const FIRST_NAMES: FirstNames = [
    ("Female", &[
        "Andrea", "Angelika", "Anna", "Antonia", "Birgit", "Charlotte", "Christina", "Clara", "Claudia", "Elif", "Elisabeth",
        "Emilia", "Emma", "Franziska", "Frieda", "Gabriele", "Greta", "Hannah", "Heike", "Ida", "Ingrid", "Jana", "Johanna",
        "Julia", "Karin", "Katharina", "Laura", "Lea", "Lena", "Leonie", "Lina", "Lisa", "Luisa", "Marie", "Martina",
        "Mathilda", "Melanie", "Mia", "Monika", "Nadine", "Nele", "Nicole", "Paula", "Petra", "Renate", "Sabine", "Sandra",
        "Sarah", "Sophie", "Stefanie", "Susanne", "Tanja", "Ursula", "Yasmin", "Zeynep",
    ]),
    ("Male", &[
        "Alexander", "Ali", "Andreas", "Anton", "Ben", "Bernd", "Christian", "Daniel", "David", "Dieter", "Elias", "Emil",
        "Emre", "Felix", "Finn", "Florian", "Frank", "Hans", "Jakob", "Jan", "Jonas", "Jörg", "Jürgen", "Karl", "Klaus",
        "Leon", "Ludwig", "Luis", "Lukas", "Markus", "Martin", "Matthias", "Maximilian", "Mehmet", "Michael", "Moritz",
        "Niklas", "Noah", "Oskar", "Paul", "Peter", "Philipp", "Ralf", "Sebastian", "Simon", "Stefan", "Theo", "Thomas",
        "Tim", "Tobias", "Uwe", "Wolfgang",
    ]),
    ("Other", &[
        "Alex", "Charlie", "Jona", "Kim", "Luca", "Mika", "Robin", "Sascha", "Toni",
    ]),
];
