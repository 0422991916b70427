"""Strategies for files of any bytes: parts that parsers confuse, and headers."""

from hypothesis import strategies as st

PARTS = [
    b'"', b'""', b",", b";", b"\n", b"\r", b"\r\n", b" ", b"a", b"b1", b"=1", b"\x1a", b"\x00", b"\x1b[2J",
    "é".encode(), b"\xe9", b"\xef\xbb\xbf", "\N{RIGHT-TO-LEFT OVERRIDE}".encode(), b"\xe2\x80\xa8", b"\x85",
    b"{", b"}", b"[", b"]", b":", b'{"a":1}', b"1e999", b"NaN", b"\\u0000", b"\\ud800",
]  # fmt: skip
#: The content of a file after its header.
BYTES = st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=3)), max_size=40).map(b"".join)
HEADERS = st.sampled_from(
    [
        b"merge_external_id,keep_external_id\n",
        b'merge_external_id, keep_external_id,"note\n(why)"\r\n',
        b"sep=;\nmerge_email;merge_prioritization;keep_external_id\r",
        b"\xef\xbb\xbfexternal_id,first_name,score:number\n",
        b"",
    ]
)
