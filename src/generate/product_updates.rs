//! `product-updates`: each product when it is new, and then whatever changes about it.

use super::shop::Shop;
use super::updates::{Change, Update};
use super::write::{Cents, Fields, Padded, Rfc3339};

/// Writes the columns of a row in the topic's order.
pub fn write(shop: &Shop, number: u64, row: &mut impl Fields) {
    let Update { product, change, previous_price, stock, time } = shop.schedule.update(&shop.traffic, number);
    row.text("product_id", ("prod_", Padded(product.number, 5)));
    row.text("update_type", change.name());
    row.text("product_name", product.name());
    row.text("category_id", ("cat_", Padded(product.category_number as u64, 2)));
    row.text("category_name", product.category.name);
    row.text("subcategory", product.subcategory);
    row.text("brand", product.brand);
    row.number("price", Cents(product.price));
    match previous_price {
        Some(price) => row.number("previous_price", Cents(price)),
        None => row.null("previous_price"),
    }
    row.text("currency", "USD");
    row.number("stock_quantity", stock);
    row.flag("is_active", !matches!(change, Change::Discontinued | Change::Gone));
    row.text("timestamp", Rfc3339(time));
}
