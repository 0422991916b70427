"""Word lists for fictional people: names, places, products, apps and messages."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Place:
    """A city with its country, time zone and language; *dial* is an E.164 prefix reserved for fiction."""

    city: str
    country: str
    time_zone: str
    language: str
    dial: str
    digits: int


def _north_america(city: str, country: str, time_zone: str, language: str, area: int) -> Place:
    """Return a city whose fictional numbers are 555-0100 to 555-0199."""
    return Place(city=city, country=country, time_zone=time_zone, language=language, dial=f"+1{area}55501", digits=2)


def _britain(city: str, dial: int) -> Place:
    """Return a British city whose fictional numbers end in any four digits."""
    return Place(city=city, country="GB", time_zone="Europe/London", language="en", dial=f"+44{dial}", digits=4)


PLACES = (
    _north_america("New York", "US", "America/New_York", "en", 212),
    _north_america("Washington", "US", "America/New_York", "en", 202),
    _north_america("Miami", "US", "America/New_York", "es", 305),
    _north_america("Chicago", "US", "America/Chicago", "en", 312),
    _north_america("Austin", "US", "America/Chicago", "en", 512),
    _north_america("Denver", "US", "America/Denver", "en", 303),
    _north_america("Phoenix", "US", "America/Phoenix", "es", 602),
    _north_america("Los Angeles", "US", "America/Los_Angeles", "es", 213),
    _north_america("San Francisco", "US", "America/Los_Angeles", "en", 415),
    _north_america("Seattle", "US", "America/Los_Angeles", "en", 206),
    _north_america("Toronto", "CA", "America/Toronto", "en", 416),
    _north_america("Ottawa", "CA", "America/Toronto", "en", 613),
    _north_america("Montréal", "CA", "America/Toronto", "fr", 514),
    _north_america("Vancouver", "CA", "America/Vancouver", "en", 604),
    _britain("London", 207946),
    _britain("Leeds", 113496),
    _britain("Sheffield", 114496),
    _britain("Leicester", 116496),
    _britain("Bristol", 117496),
    _britain("Reading", 118496),
    _britain("Birmingham", 121496),
    _britain("Edinburgh", 131496),
    _britain("Glasgow", 141496),
    _britain("Liverpool", 151496),
    _britain("Manchester", 161496),
)

GIVEN_NAMES = {
    "F": (
        "Abigail", "Amina", "Beatrice", "Camille", "Carmen", "Chloé", "Daisy", "Elena", "Emily", "Fatima", "Freya",
        "Grace", "Hannah", "Imogen", "Ingrid", "Isla", "Jasmine", "Joanna", "Katherine", "Leila", "Lucía", "Margaret",
        "Maya", "Naomi", "Olivia", "Priya", "Rachel", "Rosalind", "Sienna", "Sophie", "Tamara", "Yasmin",
    ),
    "M": (
        "Aaron", "Adam", "Alejandro", "Benjamin", "Callum", "Connor", "Daniel", "Dominic", "Edward", "Étienne",
        "Finlay", "Gabriel", "George", "Harrison", "Hugo", "Ibrahim", "Jackson", "Joshua", "Kieran", "Lachlan",
        "Luca", "Marcus", "Mateo", "Nicholas", "Oliver", "Patrick", "Rafael", "Samuel", "Sebastian", "Thomas", "Vikram",
        "Zachary",
    ),
}  # fmt: skip

SURNAMES = (
    "Abbott", "Ahmed", "Barnes", "Beaumont", "Berry", "Blackwood", "Campbell", "Castillo", "Chen", "Clarke", "Dubois",
    "Edwards", "Fairbanks", "Ferguson", "Fletcher", "Fontaine", "García", "Gallagher", "Greene", "Harrington",
    "Hawkins", "Hughes", "Ibrahim", "Jefferson", "Johansson", "Kaur", "Kennedy", "Khan", "Lambert", "Leblanc",
    "Mackenzie", "Martínez", "McAllister", "Mitchell", "Moreau", "Morrison", "Nakamura", "Nguyen", "O'Connor", "Okafor",
    "Patel", "Pemberton", "Quinn", "Ramírez", "Reynolds", "Robertson", "Sanderson", "Sharma", "Sinclair", "Stewart",
    "Sullivan", "Thornton", "Tremblay", "Underwood", "Vasquez", "Wakefield", "Waller", "Whitfield", "Yamada",
    "Zimmermann",
)  # fmt: skip

MAIL_DOMAINS = ("example.com", "example.org", "mail.example.com", "post.example.org")

#: Products with their price in dollars.
PRODUCTS = (
    ("hat", 24.50), ("jacket", 80.00), ("scarf", 19.95), ("boots", 129.00), ("gloves", 15.25), ("umbrella", 32.10),
    ("backpack", 64.99), ("water bottle", 12.49),
)  # fmt: skip

COLOURS = ("brown", "green", "navy", "red", "white", "yellow")
EVENTS = ("login", "viewed_product", "added_to_cart", "searched", "wrote_review")
PLANS = ("free", "silver", "gold")

#: The apps by the device's operating system.
APPS = {"iOS": "storefront-ios", "Android": "storefront-android", "Web": "storefront-web"}

#: Device models with their operating system.
MODELS = (
    ("iPhone 15", "iOS"), ("iPhone SE", "iOS"), ("iPad Air", "iOS"), ("Pixel 8", "Android"), ("Galaxy S24", "Android"),
    ("Moto G84", "Android"),
)  # fmt: skip

#: Messages by kind: id and name.
CAMPAIGNS = (("spring-sale", "Spring sale"), ("new-arrivals", "New arrivals"), ("win-back", "Win back"))
CANVASES = (("onboarding", "Onboarding"), ("abandoned-cart", "Abandoned cart"))
