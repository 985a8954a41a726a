//! Customers and what does not change about them.

use super::dice::{Dice, Stream};
use super::places::{CITIES, City};
use fake::Fake;
use fake::faker::name::en::LastName;

/// A customer: always the same for the same seed and number.
#[derive(Debug)]
pub struct Customer {
    /// The customer's number, from 0.
    pub number: u64,
    /// `Female`, `Male` or `Other`.
    pub gender: &'static str,
    /// A first name that goes with the gender.
    pub first_name: &'static str,
    /// The last name.
    pub last_name: &'static str,
    /// Years, 18 to 80.
    pub age: u64,
    /// The home's city.
    pub city: &'static City,
    /// The home's zip code, in the city.
    pub zip_code: &'static str,
    /// Degrees north of the home, in millionths.
    pub latitude: i64,
    /// Degrees east of the home, in millionths.
    pub longitude: i64,
    /// The last four digits of the telephone number.
    pub line_number: u64,
    /// Whether the customer pays for the premium programme.
    pub is_premium: bool,
    /// Up to 10,000 for premium customers, up to 1,000 for others.
    pub loyalty_points: u64,
    /// Days from the first purchase to the first day of the generated history.
    pub tenure_days: u64,
    /// What the customer shops with.
    pub device: &'static Device,
}

impl Customer {
    /// The customer of this number.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, Stream::Customer, number);
        let &(gender, first_names) = match dice.below(100) {
            0..49 => &GENDERS[0],
            49..97 => &GENDERS[1],
            _ => &GENDERS[2],
        };
        let city = dice.pick(CITIES);
        let is_premium = dice.percent(25);
        Self {
            number,
            gender,
            first_name: *dice.pick(first_names),
            last_name: LastName().fake_with_rng(&mut dice),
            age: dice.between(18, 80),
            city,
            zip_code: *dice.pick(&city.zip_codes),
            latitude: city.latitude + dice.below(60_000) as i64 - 30_000,
            longitude: city.longitude + dice.below(60_000) as i64 - 30_000,
            line_number: dice.below(10_000),
            is_premium,
            loyalty_points: dice.between(0, if is_premium { 10_000 } else { 1_000 }),
            tenure_days: dice.between(30, 1_600),
            device: dice.pick(DEVICES),
        }
    }

    /// The e-mail's name: `first.last` in small letters, without apostrophes.
    pub fn mailbox(&self) -> String {
        let letters = |name: &str| name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_lowercase(), "");
        format!("{}.{}", letters(self.first_name), letters(self.last_name))
    }
}

/// A device, as a browser tells it.
#[derive(Debug)]
pub struct Device {
    /// `mobile`, `desktop` or `tablet`.
    pub kind: &'static str,
    /// The operating system.
    pub os: &'static str,
    /// The browser.
    pub browser: &'static str,
    /// The browser's user agent.
    pub user_agent: &'static str,
}

impl Device {
    /// Screens of such devices, each with what the browser leaves for the page.
    pub fn screens(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind {
            "mobile" => &[("390x844", "390x664"), ("412x915", "412x785"), ("360x800", "360x668")],
            "tablet" => &[("820x1180", "820x1106"), ("1024x1366", "1024x1292")],
            _ => &[("1920x1080", "1903x969"), ("2560x1440", "2543x1329"), ("1440x900", "1440x789")],
        }
    }
}

#[rustfmt::skip]
const DEVICES: &[Device] = &[
    Device { kind: "desktop", os: "Windows", browser: "Chrome", user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36" },
    Device { kind: "desktop", os: "Windows", browser: "Edge", user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0" },
    Device { kind: "desktop", os: "macOS", browser: "Safari", user_agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15" },
    Device { kind: "desktop", os: "Linux", browser: "Firefox", user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0" },
    Device { kind: "mobile", os: "Android", browser: "Chrome", user_agent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36" },
    Device { kind: "mobile", os: "iOS", browser: "Safari", user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1" },
    Device { kind: "mobile", os: "Android", browser: "Firefox", user_agent: "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0" },
    Device { kind: "tablet", os: "iPadOS", browser: "Safari", user_agent: "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1" },
];

#[rustfmt::skip]
const GENDERS: [(&str, &[&str]); 3] = [
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
