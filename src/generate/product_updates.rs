//! `product-updates`: each product when it is new, and then whatever changes about it, up to its tombstone.

use super::shop::Shop;
use super::text::{Cents, Padded, Rfc3339};
use super::updates::{Change, Update};
use super::write::{Fields, Nulls};

/// Writes the columns of a row in the topic's order. A tombstone has its key and nothing else.
pub fn write(shop: &Shop, number: u64, row: &mut impl Fields) {
    let update = shop.schedule.update(&shop.traffic, number);
    row.text("product_id", ("prod_", Padded(update.product.number, 5)));
    match update.change {
        Change::Gone => write_what_is_new(shop, &update, &mut Nulls(row)),
        _ => write_what_is_new(shop, &update, row),
    }
}

fn write_what_is_new(shop: &Shop, update: &Update, row: &mut impl Fields) {
    let Update { product, change, previous_price, stock, time } = update;
    row.text("update_type", change.name());
    row.text("product_name", product.name());
    row.text("category_id", ("cat_", Padded(product.category_number as u64, 2)));
    row.text("category_name", product.category.name);
    row.text("subcategory", product.subcategory);
    row.text("brand", product.brand);
    row.number("price", Cents(product.price));
    match previous_price {
        Some(price) => row.number("previous_price", Cents(*price)),
        None => row.null("previous_price"),
    }
    row.text("currency", shop.world.locale.currency);
    row.number("stock_quantity", stock);
    row.flag("is_active", *change != Change::Discontinued);
    row.text("timestamp", Rfc3339(*time));
}
