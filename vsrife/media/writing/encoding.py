"""How a film is encoded. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from vsrife.media.writing.encoder_table import ENCODERS, Encoder

STRETCH = "stretch"  # of AUDIO: as long as a picture in slow motion
AUDIO = ("copy", "aac", "opus", STRETCH, "none")
SUBTITLES = ("copy", "mov_text", "srt", "webvtt", "none")


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a film is encoded; `encoders.choose` makes checked ones.

    encoder: a name of `ENCODERS`. crf: quality on the encoder's scale; preset: one of the
    encoder's; None: its default. options: further ones of FFmpeg's encoder, by name. bitrate: bits
    per second, instead of a quality. max_size: bytes of the whole file. pipe: words of a program
    that encodes instead. audio: one of `AUDIO`; subtitles: one of `SUBTITLES`.
    """

    encoder: str = "x264"
    crf: int | None = None
    preset: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    bitrate: int | None = None
    max_size: int | None = None
    pipe: tuple[str, ...] = ()
    audio: str = "copy"
    subtitles: str = "copy"

    @property
    def row(self) -> Encoder:
        return ENCODERS[self.encoder]

    @property
    def joinable(self) -> bool:
        """Whether the packets of segments can be joined: not if a whole film is one encoding."""
        return self.row.joinable and not self.pipe and self.max_size is None
