"""Videos in and out through PyAV, the same bytes every time (one thread, no time stamps)."""

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from jaxtyping import UInt8

from premotor.errors import DataError

GROUP = 10  # frames between two that can be decoded on their own
_BLOCK = 64  # [px] by which a coded picture may be larger than its frame
_UNREADABLE = (FFmpegError, IndexError, ValueError, OSError, MemoryError)
QUALITY = 16  # x264 constant rate factor: about 42 dB on rendered frames


def encode(
    frames: UInt8[np.ndarray, "t h w 3"], fps: int, quality: int = QUALITY, preset: str = "veryfast"
) -> bytes:
    """H.264 in MP4; height and width must be even."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = GROUP
        stream.options = {
            "crf": str(quality),
            "preset": preset,
            "bf": "0",
            "threads": "1",
            # x264's macroblock tree reads memory that nobody wrote: at some sizes up to a few of
            # a hundred encodings differ. Without it files are a seventh larger.
            "x264-params": "mbtree=0",
        }
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return buffer.getvalue()


def size(data: bytes) -> tuple[int, int]:
    """Height and width [px] of a video's frames, none of which is decoded.

    Raises:
        DataError: The bytes are no video.
    """
    with _opened(data) as container:
        stream = container.streams.video[0]
        return stream.height, stream.width


def _check_header(stream: VideoStream, num_frames: int, size: tuple[int, int]) -> None:
    found = stream.frames, stream.height, stream.width
    if found != (num_frames, *size):
        raise DataError(
            f"a video of {found[0]} frames of {found[1]} x {found[2]} px came; expected "
            f"{num_frames} of {size[0]} x {size[1]}"
        )


@contextmanager
def _opened(data: bytes) -> Iterator[InputContainer]:
    try:
        with av.open(io.BytesIO(data), "r", format="mp4") as container:
            if not container.streams.video:
                raise DataError("a file without a video came; expected one")
            yield container
    except _UNREADABLE as error:
        raise DataError(f"not a video: {error}") from error


def decode(
    data: bytes,
    keep: Collection[int] | None = None,
    num_frames: int | None = None,
    size: tuple[int, int] | None = None,
) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames of a video.

    Args:
        data: A whole file.
        keep: Numbers of the frames wanted; all, where None. Others are not turned into colors,
            which is most of the time.
        num_frames: How many there must be, kept or not; any number where None.
        size: Height and width [px] that they must have; what the header says where None.

    Raises:
        DataError: The bytes are no video, hold no frame, or other frames.
    """
    with _opened(data) as container:
        stream = container.streams.video[0]
        wanted = size or (stream.height, stream.width)
        _check_header(stream, stream.frames if num_frames is None else num_frames, wanted)
        stream.codec_context.thread_count = 1
        # Of the frames themselves, which need not be what the header says: FFmpeg gives up.
        largest = (wanted[0] + _BLOCK) * (wanted[1] + _BLOCK)
        stream.codec_context.options = {"max_pixels": str(largest)}
        frames: list[np.ndarray] = []
        count = 0
        for frame in container.decode(stream):
            if (frame.height, frame.width) != wanted or count == num_frames:
                raise DataError(f"frame {count} of {frame.height} x {frame.width} px is one more")
            if keep is None or count in keep:
                frames.append(frame.to_ndarray(format="rgb24"))
            count += 1
    if num_frames not in {None, count} or not frames:
        raise DataError(f"a video of {count} frames came; expected {num_frames or 'at least one'}")
    return np.stack(frames)
