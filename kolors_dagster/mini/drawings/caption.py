"""Chinese captions of scenes, in many phrasings, with and without each attribute."""

from random import Random

from kolors_dagster.mini.drawings.scene import OUTDOORS, Scene
from kolors_dagster.mini.drawings.words import (
    COLOURED_THINGS,
    COLOURS,
    CUTS,
    EXPRESSIONS,
    FRAMINGS,
    IN,
    LENGTHS,
    MIRROR,
    PEOPLE,
    PLACES,
    POSES,
    SEATS,
    SKINS,
    SOAKED,
    STARRY,
    SUNNY,
    SURROUNDINGS,
    THINGS,
    TIES,
    TIMES,
    WEATHER,
    WINDOW,
    WINDOWED,
)

# How often a caption says how much of the figure is seen: what it doesn't say should mostly be all of it.
_SAY_FRAMING = {"full": 0.12, "half": 0.5, "close": 0.85, "side": 0.6}


def write_caption(scene: Scene, rng: Random) -> str:
    """Return a natural Chinese sentence that says some or all of what the scene shows, and nothing else."""
    person = _describe_person(scene, rng)
    cloth = _describe_clothes(scene, rng) if rng.random() < 0.85 else ""
    action = _describe_action(scene, rng)
    extras = _describe_extras(scene, rng)
    shape = rng.randrange(4)
    if shape == 0 and cloth:
        parts = [f"{person}{cloth}", action]
    elif shape == 1 and cloth:
        parts = [f"一个{cloth}的{person.removeprefix('一个')}", action]
    elif shape == 2:
        parts = [f"{person}{action}", cloth]
    else:
        parts = [person, cloth, action]
    sentence = "，".join(part for part in [*parts, *extras] if part)
    if rng.random() < _SAY_FRAMING[scene.framing]:
        sentence = f"{rng.choice(FRAMINGS[scene.framing])}，{sentence}"
    roll = rng.random()
    if roll < 0.2:
        sentence = f"{rng.choice(TIMES[scene.time])}，{sentence}"
    elif roll < 0.4:
        sentence = f"{sentence}，{rng.choice(TIMES[scene.time])}"
    return sentence + ("。" if rng.random() < 0.3 else "")


def write_full_caption(scene: Scene, rng: Random) -> str:
    """Return such a sentence that does say hair colour and length, the dress and its colour, place and pose.

    As pictures for a LoRA are described: what a caption leaves out, the LoRA learns to do as it likes.
    """
    colour, length = COLOURS[scene.hair_colour], LENGTHS[scene.hair_length]
    dresses = [COLOURS[scene.dress_colour] + cut for cut in CUTS[scene.dress_cut]]
    poses = (*POSES[scene.pose], *{"sit": ("坐在",), "stand": ("站在",)}.get(scene.pose, ()))
    while True:
        caption = write_caption(scene, rng)
        hair = f"{colour}{length}" in caption or (f"{colour}头发" in caption and length in caption)
        said = (dresses, PLACES[scene.place], poses)
        if hair and all(any(word in caption for word in options) for options in said):
            return caption


def _describe_person(scene: Scene, rng: Random) -> str:
    who = rng.choice(PEOPLE[scene.gender, scene.age])
    colour, length = COLOURS[scene.hair_colour], LENGTHS[scene.hair_length]
    skin = SKINS.get(scene.skin, "") if rng.random() < 0.4 else ""
    tie = rng.choice(TIES[scene.hair_tie]) if scene.hair_tie in TIES and rng.random() < 0.8 else ""
    roll = rng.random()
    if roll < 0.06:
        hair = f"{tie}的" if tie else ""
    elif roll < 0.12:
        hair = f"{length}的"
    elif roll < 0.18:
        hair = f"{colour}头发的"
    elif roll < 0.42:
        after = "，".join(part for part in (length, tie) if part)
        return f"一个{colour}头发的{skin}{who}，{after}"
    elif tie:
        hair = f"{colour}{length}{tie}的" if roll < 0.7 else f"{tie}、{colour}{length}的"
    else:
        hair = f"{rng.choice(('', '有一头', '留着', '有着'))}{colour}{length}的"
    return f"一个{hair}{skin}{who}"


def _describe_clothes(scene: Scene, rng: Random) -> str:
    cut = rng.choice(CUTS[scene.dress_cut])
    colour = COLOURS[scene.dress_colour] if rng.random() < 0.93 else ""
    return f"{rng.choice(('穿着', '身穿', '穿着一件' if cut[-1] not in '裙服装' else '穿着'))}{colour}{cut}"


def _describe_action(scene: Scene, rng: Random) -> str:
    where = _describe_place(scene, rng) if rng.random() < 0.9 else ""
    pose = rng.choice(POSES[scene.pose])
    if rng.random() < 0.08 and where:
        return f"在{where}"
    if scene.pose in ("sit", "chin", "read") and scene.framing != "close" and rng.random() < 0.7:
        seat = f"坐在{_shorten(where)}{SEATS[scene.place]}" if where else f"坐在{SEATS[scene.place]}"
        return seat if scene.pose == "sit" else f"{seat}，{pose}"
    if not where:
        return (
            pose if scene.pose in ("stand", "sit", "chin", "wish") or pose.endswith("了") else f"正在{pose}"
        )
    if scene.pose == "stand" and rng.random() < 0.6:
        return f"站在{where}"
    if scene.pose in ("sing", "guitar", "wave") and rng.random() < 0.4:
        return f"站在{where}{pose}"
    if scene.pose == "wish" and rng.random() < 0.6:
        return f"站在{where}，{pose}"
    return f"在{where}{pose}"


def _shorten(where: str) -> str:
    """Return a place as the owner of a seat: 家里的, 森林的; the seats of a hall are the hall's."""
    if "观众席" in where:
        return where.split("观众席")[0]
    if "现场" in where:
        return f"{where}的"
    if "家" in where or "客厅" in where:
        return "家里的"
    bare = where.removesuffix("里").removesuffix("上") if len(where) > 2 else where
    return f"{bare}的"


def _describe_place(scene: Scene, rng: Random) -> str:
    place = rng.choice(PLACES[scene.place])
    tail = IN.get(scene.place, "里")
    return (
        place
        if place.endswith(("里", "现场", "海边"))
        else place + ("上" if place in ("沙滩", "林间小路") else tail)
    )


def _describe_extras(scene: Scene, rng: Random) -> list[str]:
    extras = []
    if scene.expression in EXPRESSIONS and scene.pose not in ("wish", "sleep") and rng.random() < 0.55:
        mirror = scene.place == "dressing" and scene.expression == "smile" and rng.random() < 0.4
        extras.append(rng.choice(MIRROR if mirror else EXPRESSIONS[scene.expression]))
    if scene.thing in THINGS and scene.pose not in ("guitar", "read") and rng.random() < 0.85:
        extras.append(_describe_thing(scene, rng))
    if scene.place in OUTDOORS and rng.random() < (0.3 if scene.weather == "clear" else 0.7):
        extras.append(rng.choice(WEATHER[scene.weather]))
    rng.shuffle(extras)
    return extras + _describe_surroundings(scene, rng)


def _describe_thing(scene: Scene, rng: Random) -> str:
    if scene.thing in COLOURED_THINGS and rng.random() < 0.6:
        return rng.choice(COLOURED_THINGS[scene.thing]).format(COLOURS[scene.thing_colour])
    return rng.choice(THINGS[scene.thing])


def _describe_surroundings(scene: Scene, rng: Random) -> list[str]:
    options = list(SURROUNDINGS.get(scene.place, ()))
    if scene.place in WINDOWED:
        options += WINDOW.get(scene.time, ())
    if scene.place in OUTDOORS and scene.weather == "clear":
        options += {"night": STARRY, "day": SUNNY}.get(scene.time, ())
    if scene.weather == "rain" and scene.thing != "umbrella":
        options += SOAKED
    return [rng.choice(options)] if options and rng.random() < 0.3 else []
