"""The codes of languages: data, not code, and so a file of its own."""

#: ISO 639-1, with `mo` of its first edition, and the further codes that the vendor's documents list.
LANGUAGES = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en
    eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv
    ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb nd
    ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr
    ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu

    agq asa bas bem bez brx cgg chr dav dje dua dyo ebu ewo fil gsw guz haw jmc kab kam kde kea khq kln kok ksb ksf
    luo luy mas mer mfe mgh mua naq nus nyn rof rwk saq sbp seh ses shi swc teo twq tzm vai vun xog yav
    """.split()  # noqa: SIM905 - a list of 240 literals is harder to read
)
