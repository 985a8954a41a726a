//! Products: categories, their brands and price levels, and what is sold in them.

use super::dice::{Dice, Stream};
use super::text::Text;

/// A product category.
#[derive(Debug)]
pub struct Category {
    /// What people call it.
    pub name: &'static str,
    brands: [&'static str; 4],
    articles: [Article; 4],
}

/// What is sold in a subcategory.
#[derive(Debug)]
struct Article {
    subcategory: &'static str,
    name: &'static str,
    /// The cheapest and the dearest price, in dollars; a price ends in 99 cents.
    dollars: (u64, u64),
}

/// The categories; `cat_00` is the first.
#[rustfmt::skip]
pub const CATEGORIES: [Category; 14] = [
    category("Electronics", ["Auralis", "Voltaic", "Nordlys", "Pixelon"],
        [("Audio", "Headphones", (19, 349)), ("Computing", "Keyboard", (19, 199)), ("Wearables", "Smart Watch", (79, 449)), ("Photo", "Camera", (199, 499))]),
    category("Clothing", ["Fernwood", "Harbor Lane", "Kestrel", "Moss & Thread"],
        [("Outerwear", "Jacket", (49, 249)), ("Shirts", "Shirt", (15, 79)), ("Denim", "Jeans", (29, 129)), ("Knitwear", "Sweater", (24, 119))]),
    category("Home & Garden", ["Hearthstone", "Oakline", "Greenleaf", "Casa Nova"],
        [("Kitchen", "Pan", (14, 129)), ("Lighting", "Lamp", (19, 199)), ("Garden", "Planter", (9, 69)), ("Bedding", "Duvet", (39, 249))]),
    category("Books", ["Lantern Press", "Bluebird Books", "Quill House", "Meridian"],
        [("Fiction", "Novel", (6, 24)), ("Cooking", "Cookbook", (14, 44)), ("History", "Biography", (9, 34)), ("Travel", "Atlas", (19, 59))]),
    category("Sports", ["Summit", "Stride", "Northpeak", "Velo"],
        [("Running", "Running Shoes", (49, 199)), ("Cycling", "Helmet", (29, 179)), ("Yoga", "Mat", (12, 89)), ("Camping", "Tent", (59, 449))]),
    category("Beauty", ["Lumiere", "Petal", "Solene", "Verbena"],
        [("Skin Care", "Serum", (9, 89)), ("Make-up", "Palette", (12, 59)), ("Hair Care", "Shampoo", (5, 29)), ("Fragrance", "Perfume", (24, 139))]),
    category("Toys", ["Bricktown", "Wonderbox", "Little Fox", "Puzzlewood"],
        [("Building", "Building Set", (14, 199)), ("Puzzles", "Puzzle", (7, 34)), ("Games", "Board Game", (14, 69)), ("Plush", "Bear", (9, 39))]),
    category("Grocery", ["Sunfield", "Old Mill", "Harvest Table", "Terra"],
        [("Coffee", "Coffee Beans", (8, 29)), ("Snacks", "Trail Mix", (5, 14)), ("Pantry", "Olive Oil", (8, 34)), ("Tea", "Green Tea", (5, 19))]),
    category("Automotive", ["Roadmark", "Torque", "Axle & Co", "Ironside"],
        [("Care", "Car Wax", (7, 34)), ("Tools", "Socket Set", (24, 199)), ("Interior", "Seat Cover", (24, 149)), ("Electronics", "Dash Camera", (49, 299))]),
    category("Health", ["Vitalis", "Pure Root", "Wellspring", "Balance"],
        [("Vitamins", "Multivitamin", (7, 39)), ("Devices", "Thermometer", (9, 59)), ("Nutrition", "Protein", (19, 69)), ("Sleep", "Pillow", (19, 119))]),
    category("Jewelry", ["Aurum", "Selene", "Opaline", "Silver Birch"],
        [("Rings", "Ring", (39, 499)), ("Necklaces", "Necklace", (29, 449)), ("Earrings", "Earrings", (15, 249)), ("Bracelets", "Bracelet", (19, 299))]),
    category("Music", ["Cadenza", "Resonance", "Tempo", "Ballad"],
        [("Vinyl", "Record", (14, 44)), ("Guitars", "Ukulele", (39, 249)), ("Keys", "Keyboard Stand", (24, 119)), ("Accessories", "Tuner", (9, 39))]),
    category("Office", ["Deskwell", "Inkwell", "Paperline", "Foundry"],
        [("Furniture", "Desk Chair", (79, 449)), ("Paper", "Notebook", (5, 24)), ("Writing", "Fountain Pen", (15, 199)), ("Storage", "Organizer", (9, 59))]),
    category("Pets", ["Pawprint", "Whisker", "Good Dog", "Tailwind"],
        [("Dogs", "Leash", (7, 39)), ("Cats", "Scratching Post", (19, 129)), ("Beds", "Pet Bed", (19, 119)), ("Aquarium", "Filter", (14, 89))]),
];

const fn category(
    name: &'static str,
    brands: [&'static str; 4],
    [a, b, c, d]: [(&'static str, &'static str, (u64, u64)); 4],
) -> Category {
    Category { name, brands, articles: [article(a), article(b), article(c), article(d)] }
}

const fn article((subcategory, name, dollars): (&'static str, &'static str, (u64, u64))) -> Article {
    Article { subcategory, name, dollars }
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
        let &Article { subcategory, name: article, dollars: (low, high) } = dice.pick(&category.articles);
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
