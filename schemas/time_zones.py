"""Names of time zones: those of the IANA database, and those of Rails, which the vendor accepts too."""

from collections.abc import Mapping
from functools import lru_cache
from zoneinfo import available_timezones

#: Names of Rails under the IANA name that they stand for.
RAILS_NAMES = """
Africa/Algiers: West Central Africa
Africa/Cairo: Cairo
Africa/Casablanca: Casablanca
Africa/Harare: Harare
Africa/Johannesburg: Pretoria
Africa/Monrovia: Monrovia
Africa/Nairobi: Nairobi
America/Argentina/Buenos_Aires: Buenos Aires
America/Bogota: Bogota
America/Caracas: Caracas
America/Chicago: Central Time (US & Canada)
America/Chihuahua: Chihuahua
America/Denver: Mountain Time (US & Canada)
America/Guatemala: Central America
America/Guyana: Georgetown
America/Halifax: Atlantic Time (Canada)
America/Indiana/Indianapolis: Indiana (East)
America/Juneau: Alaska
America/La_Paz: La Paz
America/Lima: Lima | Quito
America/Los_Angeles: Pacific Time (US & Canada)
America/Mazatlan: Mazatlan
America/Mexico_City: Guadalajara | Mexico City
America/Monterrey: Monterrey
America/Montevideo: Montevideo
America/New_York: Eastern Time (US & Canada)
America/Nuuk: Greenland
America/Phoenix: Arizona
America/Puerto_Rico: Puerto Rico
America/Regina: Saskatchewan
America/Santiago: Santiago
America/Sao_Paulo: Brasilia
America/St_Johns: Newfoundland
America/Tijuana: Tijuana
Asia/Almaty: Almaty | Astana
Asia/Baghdad: Baghdad
Asia/Baku: Baku
Asia/Bangkok: Bangkok | Hanoi
Asia/Chongqing: Chongqing
Asia/Colombo: Sri Jayawardenepura
Asia/Dhaka: Dhaka
Asia/Hong_Kong: Hong Kong
Asia/Irkutsk: Irkutsk
Asia/Jakarta: Jakarta
Asia/Jerusalem: Jerusalem
Asia/Kabul: Kabul
Asia/Kamchatka: Kamchatka
Asia/Karachi: Islamabad | Karachi
Asia/Kathmandu: Kathmandu
Asia/Kolkata: Chennai | Kolkata | Mumbai | New Delhi
Asia/Krasnoyarsk: Krasnoyarsk
Asia/Kuala_Lumpur: Kuala Lumpur
Asia/Kuwait: Kuwait
Asia/Magadan: Magadan
Asia/Muscat: Abu Dhabi | Muscat
Asia/Novosibirsk: Novosibirsk
Asia/Rangoon: Rangoon
Asia/Riyadh: Riyadh
Asia/Seoul: Seoul
Asia/Shanghai: Beijing
Asia/Singapore: Singapore
Asia/Srednekolymsk: Srednekolymsk
Asia/Taipei: Taipei
Asia/Tashkent: Tashkent
Asia/Tbilisi: Tbilisi
Asia/Tehran: Tehran
Asia/Tokyo: Osaka | Sapporo | Tokyo
Asia/Ulaanbaatar: Ulaanbaatar
Asia/Urumqi: Urumqi
Asia/Vladivostok: Vladivostok
Asia/Yakutsk: Yakutsk
Asia/Yekaterinburg: Ekaterinburg
Asia/Yerevan: Yerevan
Atlantic/Azores: Azores
Atlantic/Cape_Verde: Cape Verde Is.
Atlantic/South_Georgia: Mid-Atlantic
Australia/Adelaide: Adelaide
Australia/Brisbane: Brisbane
Australia/Canberra: Canberra
Australia/Darwin: Darwin
Australia/Hobart: Hobart
Australia/Melbourne: Melbourne
Australia/Perth: Perth
Australia/Sydney: Sydney
Etc/GMT+12: International Date Line West
Etc/UTC: UTC
Europe/Amsterdam: Amsterdam
Europe/Athens: Athens
Europe/Belgrade: Belgrade
Europe/Berlin: Berlin
Europe/Bratislava: Bratislava
Europe/Brussels: Brussels
Europe/Bucharest: Bucharest
Europe/Budapest: Budapest
Europe/Copenhagen: Copenhagen
Europe/Dublin: Dublin
Europe/Helsinki: Helsinki
Europe/Istanbul: Istanbul
Europe/Kaliningrad: Kaliningrad
Europe/Kiev: Kyiv
Europe/Lisbon: Lisbon
Europe/Ljubljana: Ljubljana
Europe/London: Edinburgh | London
Europe/Madrid: Madrid
Europe/Minsk: Minsk
Europe/Moscow: Moscow | St. Petersburg
Europe/Paris: Paris
Europe/Prague: Prague
Europe/Riga: Riga
Europe/Rome: Rome
Europe/Samara: Samara
Europe/Sarajevo: Sarajevo
Europe/Skopje: Skopje
Europe/Sofia: Sofia
Europe/Stockholm: Stockholm
Europe/Tallinn: Tallinn
Europe/Vienna: Vienna
Europe/Vilnius: Vilnius
Europe/Volgograd: Volgograd
Europe/Warsaw: Warsaw
Europe/Zagreb: Zagreb
Europe/Zurich: Bern | Zurich
Pacific/Apia: Samoa
Pacific/Auckland: Auckland | Wellington
Pacific/Chatham: Chatham Is.
Pacific/Fakaofo: Tokelau Is.
Pacific/Fiji: Fiji
Pacific/Guadalcanal: Solomon Is.
Pacific/Guam: Guam
Pacific/Honolulu: Hawaii
Pacific/Majuro: Marshall Is.
Pacific/Midway: Midway Island
Pacific/Noumea: New Caledonia
Pacific/Pago_Pago: American Samoa
Pacific/Port_Moresby: Port Moresby
Pacific/Tongatapu: Nuku'alofa
"""


def time_zone_name(text: str) -> str | None:
    """Return the IANA name of the time zone *text*, a name of IANA or Rails in any case; None if it is unknown.

    A machine without a time zone database knows no IANA name; then every text is taken for one.
    """
    text = text.strip()
    if known := _known_names():
        return known.get(text.casefold())
    return _rails_names().get(text.casefold(), text or None)


@lru_cache(maxsize=1)
def _known_names() -> Mapping[str, str]:
    """Return all names, case-folded, with the IANA name; a name of both, such as UTC, stays as it is."""
    iana = {name.casefold(): name for name in available_timezones()}
    return {**_rails_names(), **iana} if iana else {}


@lru_cache(maxsize=1)
def _rails_names() -> Mapping[str, str]:
    lines = [line.split(": ") for line in RAILS_NAMES.strip().splitlines()]
    return {name.casefold(): iana for iana, names in lines for name in names.split(" | ")}
