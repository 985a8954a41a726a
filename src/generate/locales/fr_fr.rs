//! France.

use super::{City, FirstNames, Locale, city};
use fake::locales::{Data, FR_FR as NAMES};

/// Customers in France. Telephone numbers are those that the Arcep keeps free for films.
pub const FR_FR: Locale = Locale {
    name: "fr_FR",
    country: "FR",
    currency: "EUR",
    clearing: "sepa",
    cities: CITIES,
    first_names: FIRST_NAMES,
    last_names: NAMES::NAME_LAST_NAME,
};

/// Paris and around it.
const PARIS: (&str, usize) = ("+33-1-9900", 4);
const NORTH_WEST: (&str, usize) = ("+33-2-6191", 4);
const NORTH_EAST: (&str, usize) = ("+33-3-5301", 4);
const SOUTH_EAST: (&str, usize) = ("+33-4-6571", 4);
const SOUTH_WEST: (&str, usize) = ("+33-5-3649", 4);

#[rustfmt::skip]
const CITIES: &[City] = &[
    city("Paris", "IDF", (48.8566, 2.3522), PARIS, &["75001", "75011", "75015", "75018"]),
    city("Marseille", "PAC", (43.2965, 5.3698), SOUTH_EAST, &["13001", "13005", "13006", "13008"]),
    city("Lyon", "ARA", (45.7640, 4.8357), SOUTH_EAST, &["69001", "69003", "69006", "69007"]),
    city("Toulouse", "OCC", (43.6047, 1.4442), SOUTH_WEST, &["31000", "31200", "31300", "31400"]),
    city("Nice", "PAC", (43.7102, 7.2620), SOUTH_EAST, &["06000", "06100", "06200", "06300"]),
    city("Nantes", "PDL", (47.2184, -1.5536), NORTH_WEST, &["44000", "44100", "44200", "44300"]),
    city("Montpellier", "OCC", (43.6108, 3.8767), SOUTH_EAST, &["34000", "34070", "34080", "34090"]),
    city("Strasbourg", "GES", (48.5734, 7.7521), NORTH_EAST, &["67000", "67100", "67200"]),
    city("Bordeaux", "NAQ", (44.8378, -0.5792), SOUTH_WEST, &["33000", "33100", "33200", "33300"]),
    city("Lille", "HDF", (50.6292, 3.0573), NORTH_EAST, &["59000", "59800"]),
    city("Rennes", "BRE", (48.1173, -1.6778), NORTH_WEST, &["35000", "35200", "35700"]),
    city("Reims", "GES", (49.2583, 4.0317), NORTH_EAST, &["51100"]),
    city("Toulon", "PAC", (43.1242, 5.9280), SOUTH_EAST, &["83000", "83100", "83200"]),
    city("Saint-Étienne", "ARA", (45.4397, 4.3872), SOUTH_EAST, &["42000", "42100"]),
    city("Le Havre", "NOR", (49.4944, 0.1079), NORTH_WEST, &["76600", "76610", "76620"]),
    city("Rouen", "NOR", (49.4432, 1.0993), NORTH_WEST, &["76000", "76100"]),
    city("Grenoble", "ARA", (45.1885, 5.7245), SOUTH_EAST, &["38000", "38100"]),
    city("Dijon", "BFC", (47.3220, 5.0415), NORTH_EAST, &["21000"]),
    city("Angers", "PDL", (47.4784, -0.5632), NORTH_WEST, &["49000", "49100"]),
    city("Brest", "BRE", (48.3904, -4.4861), NORTH_WEST, &["29200"]),
    city("Clermont-Ferrand", "ARA", (45.7772, 3.0870), SOUTH_EAST, &["63000", "63100"]),
    city("Limoges", "NAQ", (45.8336, 1.2611), SOUTH_WEST, &["87000", "87100"]),
    city("Tours", "CVL", (47.3941, 0.6848), NORTH_WEST, &["37000", "37100", "37200"]),
    city("Ajaccio", "20R", (41.9192, 8.7386), SOUTH_EAST, &["20000", "20090"]),
];

#[rustfmt::skip]
const FIRST_NAMES: FirstNames = [
    ("Female", &[
        "Alice", "Amandine", "Anne", "Audrey", "Aurélie", "Brigitte", "Camille", "Caroline", "Catherine", "Charlotte",
        "Chloé", "Christine", "Claire", "Clara", "Céline", "Emma", "Fatima", "Françoise", "Hélène", "Inès", "Isabelle",
        "Jade", "Julie", "Juliette", "Laure", "Lina", "Louise", "Lucie", "Léa", "Manon", "Margaux", "Marie", "Martine",
        "Mathilde", "Monique", "Nadia", "Nathalie", "Nicole", "Pauline", "Rose", "Sandrine", "Sarah", "Sophie", "Sylvie",
        "Valérie", "Yasmine", "Zoé", "Élodie", "Émilie",
    ]),
    ("Male", &[
        "Adam", "Alain", "Alexandre", "Antoine", "Arthur", "Benjamin", "Bernard", "Christophe", "Clément", "David", "Ethan",
        "François", "Frédéric", "Gabriel", "Guillaume", "Gérard", "Henri", "Hugo", "Jacques", "Jean", "Jules", "Julien",
        "Karim", "Kevin", "Laurent", "Louis", "Lucas", "Léo", "Marcel", "Mathieu", "Maxime", "Michel", "Mohamed", "Nathan",
        "Nicolas", "Olivier", "Patrick", "Paul", "Philippe", "Pierre", "Quentin", "Raphaël", "Rayan", "Romain", "Stéphane",
        "Sébastien", "Thomas", "Vincent", "Yanis",
    ]),
    ("Other", &[
        "Alex", "Charlie", "Claude", "Dominique", "Eden", "Lou", "Noa", "Sacha",
    ]),
];
