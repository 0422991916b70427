import pytest

from schemas.countries import ALPHA_3, CODE_OF_NAME, COUNTRIES, country_code


def test_there_are_249_countries_each_with_two_codes_and_a_name() -> None:
    assert (len(COUNTRIES), len(ALPHA_3)) == (249, 249)
    assert all(len(code) == 2 and code.isalpha() and code.isupper() for code in COUNTRIES)
    assert set(ALPHA_3.values()) == set(CODE_OF_NAME.values()) == COUNTRIES


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "DE"),
        (" DE ", "DE"),
        ("DEU", "DE"),
        ("Germany", "DE"),
        ("GERMANY", "DE"),
        ("United States", "US"),
        ("United States of America", "US"),
        ("The United States", "US"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("UK", "GB"),
        ("United Kingdom", "GB"),
        ("Great Britain", "GB"),
        ("England", "GB"),
        ("South Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("Korea (South)", "KR"),
        ("North Korea", "KP"),
        ("Russia", "RU"),
        ("Russian Federation", "RU"),
        ("Vietnam", "VN"),
        ("Viet Nam", "VN"),
        ("Czech Republic", "CZ"),
        ("Turkey", "TR"),
        ("T\u00fcrkiye", "TR"),
        ("T\u0075\u0308rkiye", "TR"),
        ("Cote d'Ivoire", "CI"),
        ("C\u00f4te d\u2019Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Bosnia & Herzegovina", "BA"),
        ("Bosnia and Herzegovina", "BA"),
        ("St. Lucia", "LC"),
        ("Saint Lucia", "LC"),
        ("Congo", "CG"),
        ("Democratic Republic of the Congo", "CD"),
        ("Congo, The Democratic Republic of the", "CD"),
        ("Netherlands", "NL"),
        ("The Netherlands", "NL"),
        ("Taiwan", "TW"),
        ("Hong Kong", "HK"),
        ("Guinea", "GN"),
        ("Guinea-Bissau", "GW"),
        ("Papua New Guinea", "PG"),
        ("Dominica", "DM"),
        ("Dominican Republic", "DO"),
        ("Niger", "NE"),
        ("Nigeria", "NG"),
        ("Samoa", "WS"),
        ("American Samoa", "AS"),
        ("Georgia", "GE"),
    ],
)
def test_a_country_is_known_by_its_codes_and_english_names(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize(
    "text", ["", " ", "Atlantis", "Korea", "XX", "EU", "Deutschland", "the", "Germany France", "D E"]
)
def test_another_text_is_no_country(text: str) -> None:
    assert country_code(text) is None
