//! Products: categories, their brands and price levels, and what is sold in them.

use super::dice::{Dice, Stream};
use super::write::Text;

/// A product category.
#[derive(Debug)]
pub struct Category {
    /// What people call it.
    pub name: &'static str,
    /// The cheapest and the dearest price, in dollars; a price ends in 99 cents.
    dollars: (u64, u64),
    brands: [&'static str; 4],
    /// Subcategories, each with an article sold in it.
    articles: [(&'static str, &'static str); 4],
}

/// The categories; `cat_00` is the first.
#[rustfmt::skip]
pub const CATEGORIES: [Category; 14] = [
    category("Electronics", (19, 499), ["Auralis", "Voltaic", "Nordlys", "Pixelon"],
        [("Audio", "Headphones"), ("Computing", "Keyboard"), ("Wearables", "Smart Watch"), ("Photo", "Camera")]),
    category("Clothing", (9, 149), ["Fernwood", "Harbor Lane", "Kestrel", "Moss & Thread"],
        [("Outerwear", "Jacket"), ("Shirts", "Shirt"), ("Denim", "Jeans"), ("Knitwear", "Sweater")]),
    category("Home & Garden", (7, 299), ["Hearthstone", "Oakline", "Greenleaf", "Casa Nova"],
        [("Kitchen", "Pan"), ("Lighting", "Lamp"), ("Garden", "Planter"), ("Bedding", "Duvet")]),
    category("Books", (5, 59), ["Lantern Press", "Bluebird Books", "Quill House", "Meridian"],
        [("Fiction", "Novel"), ("Cooking", "Cookbook"), ("History", "Biography"), ("Travel", "Atlas")]),
    category("Sports", (9, 399), ["Summit", "Stride", "Northpeak", "Velo"],
        [("Running", "Running Shoes"), ("Cycling", "Helmet"), ("Yoga", "Mat"), ("Camping", "Tent")]),
    category("Beauty", (5, 119), ["Lumiere", "Petal", "Solene", "Verbena"],
        [("Skin Care", "Serum"), ("Make-up", "Palette"), ("Hair Care", "Shampoo"), ("Fragrance", "Perfume")]),
    category("Toys", (5, 129), ["Bricktown", "Wonderbox", "Little Fox", "Puzzlewood"],
        [("Building", "Building Set"), ("Puzzles", "Puzzle"), ("Games", "Board Game"), ("Plush", "Bear")]),
    category("Grocery", (5, 49), ["Sunfield", "Old Mill", "Harvest Table", "Terra"],
        [("Coffee", "Coffee Beans"), ("Snacks", "Trail Mix"), ("Pantry", "Olive Oil"), ("Tea", "Green Tea")]),
    category("Automotive", (7, 349), ["Roadmark", "Torque", "Axle & Co", "Ironside"],
        [("Care", "Car Wax"), ("Tools", "Socket Set"), ("Interior", "Seat Cover"), ("Electronics", "Dash Camera")]),
    category("Health", (5, 199), ["Vitalis", "Pure Root", "Wellspring", "Balance"],
        [("Vitamins", "Multivitamin"), ("Devices", "Thermometer"), ("Nutrition", "Protein"), ("Sleep", "Pillow")]),
    category("Jewelry", (19, 499), ["Aurum", "Selene", "Opaline", "Silver Birch"],
        [("Rings", "Ring"), ("Necklaces", "Necklace"), ("Earrings", "Earrings"), ("Bracelets", "Bracelet")]),
    category("Music", (5, 449), ["Cadenza", "Resonance", "Tempo", "Ballad"],
        [("Vinyl", "Record"), ("Guitars", "Ukulele"), ("Keys", "Keyboard Stand"), ("Accessories", "Tuner")]),
    category("Office", (5, 299), ["Deskwell", "Inkwell", "Paperline", "Foundry"],
        [("Furniture", "Desk Chair"), ("Paper", "Notebook"), ("Writing", "Fountain Pen"), ("Storage", "Organizer")]),
    category("Pets", (5, 159), ["Pawprint", "Whisker", "Good Dog", "Tailwind"],
        [("Dogs", "Leash"), ("Cats", "Scratching Post"), ("Beds", "Pet Bed"), ("Aquarium", "Filter")]),
];

const fn category(
    name: &'static str,
    dollars: (u64, u64),
    brands: [&'static str; 4],
    articles: [(&'static str, &'static str); 4],
) -> Category {
    Category { name, dollars, brands, articles }
}

const LINES: [&str; 10] = [
    "Classic",
    "Compact",
    "Deluxe",
    "Essential",
    "Everyday",
    "Original",
    "Premium",
    "Pro",
    "Select",
    "Ultra",
];

/// A product: always the same for the same seed and number.
#[derive(Debug)]
pub struct Product {
    /// Its number, from 0.
    pub number: u64,
    /// Its category's place in [`CATEGORIES`].
    pub category_number: usize,
    /// Its category.
    pub category: &'static Category,
    /// Its subcategory.
    pub subcategory: &'static str,
    /// Who makes it.
    pub brand: &'static str,
    /// The line it belongs to: `Classic`, `Pro`.
    pub line: &'static str,
    /// What it is: `Headphones`.
    pub article: &'static str,
    /// Its price in cents.
    pub price: u64,
}

impl Product {
    /// The product of this number.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, Stream::Product, number);
        let category_number = dice.below(CATEGORIES.len() as u64) as usize;
        let category = &CATEGORIES[category_number];
        let &(subcategory, article) = dice.pick(&category.articles);
        let (low, high) = category.dollars;
        // The smaller of two throws: most products are cheap, some are dear.
        let price = dice.between(low, high).min(dice.between(low, high)) * 100 + 99;
        let (brand, line) = (*dice.pick(&category.brands), *dice.pick(&LINES));
        Self { number, category_number, category, subcategory, brand, line, article, price }
    }

    /// What people call it: `Auralis Pro Headphones`.
    pub fn name(&self) -> impl Text {
        (self.brand, " ", self.line, " ", self.article)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_stay_in_the_range_of_the_whole_shop() {
        for number in 0..5_000 {
            let price = Product::new(42, number).price;
            assert!((599..=49_999).contains(&price), "product {number} costs {price} cents");
        }
    }
}
