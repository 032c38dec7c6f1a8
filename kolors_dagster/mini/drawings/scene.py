"""What a picture shows: one scene, its attributes, and how consistent scenes are drawn by lot."""

import hashlib
from dataclasses import asdict, dataclass
from random import Random

HAIR_COLOURS = ("black", "brown", "blonde", "red", "blue", "purple", "pink", "silver", "green")
DRESS_COLOURS = ("white", "red", "blue", "yellow", "green", "pink", "black", "purple", "orange")
THING_COLOURS = ("red", "orange", "blue", "purple", "green")
INDOORS = ("home", "bedroom", "concert", "practice", "dressing", "stage", "classroom")
OUTDOORS = ("street", "forest", "sea", "snow", "rooftop", "meadow")
SEATED = ("sit", "chin", "read")
SLEEP_PLACES = ("home", "bedroom", "meadow")
NO_SPACE = {
    "concert": ("walk", "run", "dance", "guitar", "read"),
    "home": ("run",),
    "bedroom": ("run",),
    "dressing": ("run",),
}
SIDE_POSES = ("stand", "walk", "run", "sing", "wish", "sit")
CLOSE_POSES = ("stand", "sing", "chin", "wish", "wave")
_POSE_WEIGHTS = {"stand": 2, "walk": 2}  # in these poses a hand is free for a thing
WOMEN_CUTS = ("dress", "gown", "sweater", "hoodie", "coat", "uniform", "costume")
MEN_CUTS = ("sweater", "hoodie", "coat", "uniform", "suit")

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gender": ("female", "male"),
    "age": ("child", "young", "adult", "old"),
    "skin": ("fair", "light", "tan", "brown"),
    "hair_colour": HAIR_COLOURS,
    "hair_length": ("short", "shoulder", "long"),
    "hair_tie": ("loose", "ponytail", "twin_tails", "bun", "braid"),
    "dress_colour": DRESS_COLOURS,
    "dress_cut": (*WOMEN_CUTS, "suit"),
    "pose": (
        "stand",
        "sit",
        "sing",
        "chin",
        "wish",
        "walk",
        "run",
        "sleep",
        "dance",
        "wave",
        "guitar",
        "read",
    ),
    "expression": ("smile", "laugh", "calm", "sad", "surprised", "bored", "closed", "sing"),
    "framing": ("full", "half", "close", "side"),
    "place": (*INDOORS, *OUTDOORS),
    "thing": (
        "none",
        "microphone",
        "guitar",
        "shooting_star",
        "umbrella",
        "cat",
        "book",
        "flowers",
        "balloon",
    ),
    "thing_colour": THING_COLOURS,
    "time": ("morning", "day", "dusk", "night"),
    "weather": ("clear", "cloudy", "rain", "snow"),
}


@dataclass(frozen=True)
class Scene:
    """One scene; every attribute is one of `ATTRIBUTES`. Raises ValueError for anything else."""

    gender: str = "female"
    age: str = "young"
    skin: str = "fair"
    hair_colour: str = "purple"
    hair_length: str = "short"
    hair_tie: str = "loose"
    dress_colour: str = "white"
    dress_cut: str = "dress"
    pose: str = "stand"
    expression: str = "smile"
    framing: str = "full"
    place: str = "home"
    thing: str = "none"
    time: str = "day"
    weather: str = "clear"
    thing_colour: str = "red"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value not in ATTRIBUTES[name]:
                raise ValueError(f"{name}={value!r} is not one of {', '.join(ATTRIBUTES[name])}")

    @property
    def indoors(self) -> bool:
        """Whether the place has a roof."""
        return self.place in INDOORS


def combination(scene: Scene) -> tuple[str, ...]:
    """Return the attributes that a prompt is judged by: hair colour and length, dress colour, place, pose."""
    return scene.hair_colour, scene.hair_length, scene.dress_colour, scene.place, scene.pose


def poses_at(place: str) -> list[str]:
    """Return the poses that make sense at a place: no sleeping in the street, no running between seats."""
    barred = NO_SPACE.get(place, ())
    return [p for p in ATTRIBUTES["pose"] if p not in barred and (p != "sleep" or place in SLEEP_PLACES)]


def count_combinations() -> int:
    """Return how many `combination`s are drawn."""
    pairs = sum(len(poses_at(place)) for place in ATTRIBUTES["place"])
    return len(HAIR_COLOURS) * len(ATTRIBUTES["hair_length"]) * len(DRESS_COLOURS) * pairs


def is_held_out(scene: Scene) -> bool:
    """Whether this combination is kept for judging and never trained on: one in twenty, by hash."""
    return int(hashlib.sha256("/".join(combination(scene)).encode()).hexdigest(), 16) % 20 == 0


def sample_scene(rng: Random) -> Scene:
    """Draw a scene whose attributes go together: no snow indoors, singing holds a microphone, and so on."""
    gender = rng.choices(("female", "male"), (2, 1))[0]
    age = rng.choices(ATTRIBUTES["age"], (3, 5, 3, 2))[0]
    place = rng.choice(ATTRIBUTES["place"])
    poses = poses_at(place)
    pose = rng.choices(poses, [_POSE_WEIGHTS.get(pose, 1) for pose in poses])[0]
    time, weather = _sample_sky(rng, place)
    if pose == "sleep":
        weather = "clear"
    framing = _sample_framing(rng, pose)
    return Scene(
        gender=gender,
        age=age,
        skin=rng.choices(ATTRIBUTES["skin"], (5, 3, 2, 1))[0],
        hair_colour="silver" if age == "old" and rng.random() < 0.7 else rng.choice(HAIR_COLOURS),
        hair_length="short"
        if gender == "male" and rng.random() < 0.85
        else rng.choice(ATTRIBUTES["hair_length"]),
        hair_tie="loose" if gender == "male" else rng.choices(ATTRIBUTES["hair_tie"], (5, 2, 2, 1, 1))[0],
        dress_colour=rng.choice(DRESS_COLOURS),
        dress_cut=rng.choice(MEN_CUTS) if gender == "male" else _sample_cut(rng, place),
        pose=pose,
        expression=_sample_expression(rng, pose),
        framing=framing,
        place=place,
        thing=_sample_thing(rng, place, pose, framing, time, weather),
        time=time,
        weather=weather,
        thing_colour=rng.choices(THING_COLOURS, (3, 1, 1, 1, 1))[0],
    )


def _sample_sky(rng: Random, place: str) -> tuple[str, str]:
    if place in ("concert", "stage"):
        return "night", "clear"
    time = (
        "night"
        if place == "rooftop" and rng.random() < 0.7
        else rng.choices(ATTRIBUTES["time"], (2, 4, 2, 3))[0]
    )
    if place in INDOORS:
        return time, "clear"
    if place == "snow":
        return time, rng.choice(("snow", "snow", "clear"))
    return time, rng.choices(("clear", "cloudy", "rain", "snow"), (6, 2, 3, 0 if place == "sea" else 1))[0]


def _sample_cut(rng: Random, place: str) -> str:
    if place in ("stage", "dressing"):
        return rng.choice(("costume", "gown", "dress"))
    if place == "classroom":
        return rng.choice(("uniform", "uniform", "dress", "sweater"))
    if place == "snow":
        return rng.choice(("coat", "sweater", "hoodie"))
    return rng.choice(WOMEN_CUTS)


def _sample_expression(rng: Random, pose: str) -> str:
    fixed = {"sing": ("sing",), "wish": ("closed",), "sleep": ("closed",), "chin": ("bored", "calm", "smile")}
    if pose in fixed:
        return rng.choice(fixed[pose])
    return rng.choice(("smile", "smile", "laugh", "calm", "sad", "surprised"))


def _sample_framing(rng: Random, pose: str) -> str:
    if pose == "sleep":
        return "full"
    if pose in ("walk", "run"):
        return rng.choice(("full", "side", "side"))
    options = (
        ["full", "full", "full", "half"] + ["close"] * (pose in CLOSE_POSES) + ["side"] * (pose in SIDE_POSES)
    )
    return rng.choice(options)


def _sample_thing(rng: Random, place: str, pose: str, framing: str, time: str, weather: str) -> str:
    if pose in ("guitar", "read"):
        return {"guitar": "guitar", "read": "book"}[pose]
    if pose == "sing":
        return rng.choice(("microphone",) * 5 + ("none",))
    if (
        pose in ("stand", "walk")
        and framing != "close"
        and weather in ("rain", "snow")
        and place not in INDOORS
    ):
        return rng.choice(("umbrella", "umbrella", "umbrella", "none"))
    options = ["none"] * 3 + ["cat"] * (place not in ("concert", "stage"))
    if pose in ("stand", "walk") and framing != "close":
        options += ["flowers", "balloon"] + ["umbrella"] * (place in OUTDOORS)
    if time == "night" and place in OUTDOORS and place != "forest" and weather == "clear":
        options += ["shooting_star"] * 3
    return rng.choice(options)
