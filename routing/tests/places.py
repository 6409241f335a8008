"""Writes places.mmdb beside it: pip install mmdb_writer==0.2.6 netaddr. Networks are those of RFC 5737 and 3849."""
from pathlib import Path
from mmdb_writer import MMDBWriter
from netaddr import IPSet

db = MMDBWriter(6, "Quittance-Test-City", languages=["en"], ipv4_compatible=True, float_type="f64", description="places for tests")
PLACES = {
    "192.0.2.0/24": ("DE", 52.52, 13.405),
    "198.51.100.0/24": ("AU", -33.87, 151.21),
    "203.0.113.0/25": ("FR", None, None),
    "203.0.113.128/25": ("DE", 1234.5, 0.0),
    "2001:db8:de::/48": ("DE", 52.52, 13.405),
}
for network, (country, latitude, longitude) in PLACES.items():
    place = {"country": {"iso_code": country}}
    if latitude is not None:
        place["location"] = {"latitude": latitude, "longitude": longitude}
    db.insert_network(IPSet([network]), place)
db.to_db_file(str(Path(__file__).with_name("places.mmdb")))
