"""Videos in and out through PyAV, the same bytes every time (one thread, no time stamps)."""

import io
from collections.abc import Collection

import av
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream
from jaxtyping import UInt8

from premotor.errors import DataError

GROUP = 10  # frames between two that can be decoded on their own
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
        stream.options = {"crf": str(quality), "preset": preset, "bf": "0", "threads": "1"}
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
    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            return stream.height, stream.width
    except (FFmpegError, IndexError) as error:
        raise DataError(f"not a video: {error}") from error


def decode(data: bytes, keep: Collection[int] | None = None) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames of a video.

    Args:
        data: A whole file.
        keep: Numbers of the frames wanted; all, where None. Others are not turned into colors,
            which is most of the time.

    Raises:
        DataError: The bytes are no video, or hold no frame.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            container.streams.video[0].codec_context.thread_count = 1
            frames = [
                frame.to_ndarray(format="rgb24")
                for number, frame in enumerate(container.decode(video=0))
                if keep is None or number in keep
            ]
    except (FFmpegError, IndexError) as error:
        raise DataError(f"not a video: {error}") from error
    if not frames:
        raise DataError("a video without a frame came; expected at least one")
    return np.stack(frames)
