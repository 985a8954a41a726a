"""Writes transactions with the 19 fields of the topic, each row from Faker: python faker_transactions.py ROWS > FILE"""

import json
import random
import sys

from faker import Faker

fake = Faker("en_US")
CATEGORIES = ["Electronics", "Clothing", "Home & Garden", "Books", "Sports", "Beauty", "Toys"]


def transaction(number):
    category = random.randrange(len(CATEGORIES))
    latitude, longitude, city, _, _ = fake.local_latlng(country_code="US")
    return {
        "transaction_id": f"txn_{number:012}",
        "user_id": f"user_{random.randrange(100_000):06}",
        "session_id": fake.uuid4(),
        "product_id": f"prod_{random.randrange(5_000):05}",
        "product_name": f"{fake.company()} {fake.word()}",
        "category_id": f"cat_{category:02}",
        "category_name": CATEGORIES[category],
        "subcategory": fake.word(),
        "brand": fake.company(),
        "price": round(random.uniform(5.99, 499.99), 2),
        "quantity": random.randint(1, 10),
        "discount_applied": round(random.uniform(0, 20), 2),
        "payment_method": random.choice(["credit_card", "debit_card", "paypal", "apple_pay"]),
        "payment_provider": fake.credit_card_provider(),
        "currency": "USD",
        "timestamp": fake.iso8601(),
        "user_location": {
            "country": "US",
            "state": fake.state_abbr(),
            "city": city,
            "zip_code": fake.zipcode(),
            "latitude": float(latitude),
            "longitude": float(longitude),
        },
        "device_info": {
            "type": random.choice(["mobile", "desktop", "tablet"]),
            "os": random.choice(["Windows", "macOS", "Android", "iOS"]),
            "browser": random.choice(["Chrome", "Safari", "Firefox"]),
            "user_agent": fake.user_agent(),
        },
        "marketing_attribution": {
            "campaign_id": f"camp_{random.randrange(100):02}",
            "channel": random.choice(["search", "social", "email", "direct"]),
            "referrer": fake.url(),
        },
    }


for row in range(int(sys.argv[1])):
    print(json.dumps(transaction(row + 1)))
