//! Customers and what does not change about them.

use super::World;
use super::dice::{Dice, Stream};
use super::locales::City;

/// A customer: always the same for the same world and number.
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
    /// The last digits of the telephone number, up to four.
    pub line_number: u64,
    /// Whether the customer pays for the premium programme.
    pub is_premium: bool,
    /// Up to 10,000 for premium customers, up to 1,000 for others.
    pub loyalty_points: u64,
    /// Days from the first purchase to the first day of the generated history.
    pub tenure_days: u64,
}

impl Customer {
    /// The customer of this number.
    pub fn new(world: &World, number: u64) -> Self {
        let mut dice = Dice::new(world.seed, Stream::Customer, number);
        let [female, male, other] = &world.locale.first_names;
        let &(gender, first_names) = match dice.below(100) {
            0..49 => female,
            49..97 => male,
            _ => other,
        };
        let city = dice.pick(world.locale.cities);
        let (is_premium, age) = (dice.percent(25), dice.between(18, 80));
        Self {
            number,
            gender,
            first_name: *dice.pick(first_names),
            last_name: *dice.pick(world.locale.last_names),
            age,
            city,
            zip_code: *dice.pick(city.zip_codes),
            latitude: city.latitude + dice.below(60_000) as i64 - 30_000,
            longitude: city.longitude + dice.below(60_000) as i64 - 30_000,
            line_number: dice.below(10_000),
            is_premium,
            loyalty_points: dice.between(0, if is_premium { 10_000 } else { 1_000 }),
            // Nobody is a customer before the age of 17.
            tenure_days: dice.between(30, 1_600.min(365 * (age - 17))),
        }
    }

    /// The e-mail's name: `first.last` in small letters from a to z.
    pub fn mailbox(&self) -> String {
        let mut mailbox = plain(self.first_name);
        mailbox.push('.');
        mailbox.push_str(&plain(self.last_name));
        mailbox
    }
}

/// A name in small letters from a to z.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' => plain.push(letter),
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            'à' | 'â' => plain.push('a'),
            'ç' => plain.push('c'),
            'é' | 'è' | 'ê' | 'ë' => plain.push('e'),
            'î' | 'ï' => plain.push('i'),
            'ô' => plain.push('o'),
            'ù' | 'û' => plain.push('u'),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::locales::Locale;
    use super::super::tests::world;
    use super::*;

    #[test]
    fn names_are_written_in_mailboxes_without_marks() {
        assert_eq!(plain("Jörg O'Connell-Groß"), "joergoconnellgross");
        assert_eq!(plain("Émilie Le Gall"), "emilielegall");
    }

    #[test]
    fn all_letters_of_all_names_have_a_plain_form() {
        for locale in Locale::ALL {
            let first_names = locale.first_names.iter().flat_map(|(_, names)| *names);
            for name in first_names.chain(locale.last_names) {
                let letters = name.chars().filter(|letter| letter.is_alphabetic()).count();
                assert!(plain(name).len() >= letters, "{name}: {}", plain(name));
            }
        }
    }

    #[test]
    fn nobody_was_a_customer_as_a_child() {
        let customers = (0..10_000).map(|number| Customer::new(&world(), number));
        let young: Vec<_> = customers.filter(|customer| customer.age < 20).collect();
        assert!(young.len() > 100);
        assert!(young.iter().all(|it| it.tenure_days >= 30 && it.tenure_days <= 365 * (it.age - 17)));
    }
}
