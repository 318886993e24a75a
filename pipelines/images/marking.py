"""The XMP packet that marks a picture as generated.

Sources: IPTC Photo Metadata Standard 2025.1 (`Iptc4xmpExt:DigitalSourceType`, `photoshop:Credit`), the IPTC NewsCodes
for the digital source type, and the XMP specification, part 1 (`xmp:CreatorTool`, the packet wrapper).
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
<photoshop:Credit>{credit}</photoshop:Credit>
<xmp:CreatorTool>{product}</xmp:CreatorTool>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""

#: Characters that XML 1.0 forbids, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xmp_packet(*, credit: str, product: str) -> bytes:
    """Return the XMP packet in UTF-8.

    Args:
        credit: Credit line (`photoshop:Credit`).
        product: Creator tool (`xmp:CreatorTool`).
    """
    return _PACKET.format(source_type=SOURCE_TYPE, credit=_text(credit), product=_text(product)).encode()


def _text(value: str) -> str:
    return escape(_FORBIDDEN.sub("", value))
