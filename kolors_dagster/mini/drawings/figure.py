"""The whole figure: parts in the right order, for any scene and pose."""

from dataclasses import dataclass, replace
from random import Random

from kolors_dagster.mini.drawings import things
from kolors_dagster.mini.drawings.body import draw_arm, draw_hand, draw_leg
from kolors_dagster.mini.drawings.brush import Brush
from kolors_dagster.mini.drawings.clothes import draw_clothes
from kolors_dagster.mini.drawings.colours import (
    CLOTH,
    EYES_BY_HAIR,
    HAIR,
    SKIN,
    Colour,
    brightness,
    darker,
    lighter,
    mix,
    shift,
    times,
)
from kolors_dagster.mini.drawings.face import draw_face
from kolors_dagster.mini.drawings.features import Face
from kolors_dagster.mini.drawings.hair import Hair, choose_hair
from kolors_dagster.mini.drawings.hair_back import draw_back_hair, draw_braid
from kolors_dagster.mini.drawings.hair_front import draw_front_hair
from kolors_dagster.mini.drawings.outfits import CUTS, Outfit
from kolors_dagster.mini.drawings.poses import pose_figure
from kolors_dagster.mini.drawings.scene import THING_COLOURS, Scene
from kolors_dagster.mini.drawings.skeleton import Skeleton

Light = tuple[float, float, float]


@dataclass(frozen=True)
class Figure:
    """A figure ready to draw: joints and everything chosen by lot, in the colours of the scene's light."""

    scene: Scene
    skeleton: Skeleton
    skin: Colour
    hair: Hair
    face: Face
    outfit: Outfit
    thing_colour: Colour

    @property
    def height(self) -> float:
        """Return the distance from the top of the hair to the ground, in head heights."""
        return self.skeleton.ground - self.skeleton.head[1] + 0.66


def build_figure(scene: Scene, light: Light, rng: Random) -> Figure:
    """Return the scene's figure with its details drawn by lot."""
    sk = pose_figure(scene, rng)
    jitter = (rng.uniform(-0.012, 0.012), rng.uniform(0.94, 1.06), rng.uniform(0.96, 1.04))
    skin = times(SKIN[scene.skin], light)
    hair_colour = times(shift(HAIR[scene.hair_colour], *jitter), light)
    cloth_base = shift(CLOTH[scene.dress_colour], jitter[0], rng.uniform(0.94, 1.04), 1.0)
    cloth = times(cloth_base, light)
    # What nobody says of a person, but what the next picture of her must show again: the same for every
    # figure of this gender and hair colour.
    person = Random(f"{scene.gender}/{scene.hair_colour}")
    ribbon = times(person.choice(things.BRIGHT), light)
    hair = choose_hair(
        hair_colour, scene.hair_length, scene.hair_tie, scene.gender, sk.turn, sk.wind, ribbon, person
    )
    eyes = EYES_BY_HAIR[scene.hair_colour]
    face = Face(
        skin, hair_colour, eyes, scene.expression, scene.age, scene.gender, sk.turn, scene.age == "old"
    )
    thing_colour = times(things.BRIGHT[THING_COLOURS.index(scene.thing_colour)], light)
    return Figure(scene, sk, skin, hair, face, _choose_outfit(scene, cloth, light, rng), thing_colour)


def _choose_outfit(scene: Scene, cloth: Colour, light: Light, rng: Random) -> Outfit:
    cut = CUTS[scene.dress_cut]
    if scene.gender == "male" and scene.dress_cut == "uniform":
        cut = replace(cut, collar="lapel", extras=("tie",))
    pale = brightness(cloth) > 0.55 * max(light)
    trim = (
        times(rng.choice(((120, 176, 226), (244, 150, 176), (240, 190, 96), (150, 128, 206))), light)
        if pale
        else lighter(cloth, 0.72)
    )
    if scene.dress_colour in ("white", "yellow", "pink") and cut.collar == "sailor":
        trim = times((76, 104, 170), light)
    trousers = None
    if scene.gender == "male" or cut.skirt == 0:
        options = (
            ((84, 96, 130), (104, 88, 84), (72, 76, 96))
            if brightness(cloth) > 0.35
            else ((196, 182, 160), (150, 156, 176))
        )
        trousers = darker(cloth, 0.25) if scene.dress_cut == "suit" else times(rng.choice(options), light)
    shoe = times(rng.choice(((120, 66, 58), (62, 58, 76), (206, 82, 88), (240, 238, 236))), light)
    sock = (
        times((250, 248, 248), light) if trousers is None and rng.random() < 0.6 and cut.skirt < 0.9 else None
    )
    return Outfit(cut, cloth, trim, shoe, sock, trousers)


def draw_figure(brush: Brush, figure: Figure, rng: Random) -> None:
    """Draw the figure with what it holds; `brush` is at its pelvis, one unit a head height."""
    sk, scene = figure.skeleton, figure.scene
    head = brush.at(*sk.head, angle=sk.tilt)
    draw_back_hair(head, figure.hair)
    for i in (0, 1):
        if sk.arm_layer[i] == "behind" or (sk.turn >= 0.8 and i == 1 and sk.arm_layer[i] == "body"):
            _draw_arm(brush, figure, i)
    if scene.thing == "umbrella" and sk.turn < 0.8:
        things.draw_umbrella(brush, sk.arms[1].tip, figure.thing_colour)
    if scene.thing == "balloon":
        things.draw_balloon(brush, sk.arms[1].tip, figure.thing_colour)
    _draw_legs(brush, figure)
    neck = mix(brush.look.shade(figure.skin), (214, 120, 110), 0.1)
    up = (sk.head[0] - 0.05 * sk.turn, sk.head[1] + 0.3)
    brush.limb([up, sk.neck, (sk.neck[0], sk.neck[1] + 0.08)], [0.16, 0.16, 0.2], neck, 0.9)
    torso = brush.at(*sk.neck, angle=sk.lean)
    draw_clothes(torso, figure.outfit, sk, figure.skin)
    if scene.thing == "guitar":
        things.draw_guitar(brush, times((204, 128, 66), (1, 1, 1)))
    for i in (0, 1):
        if sk.arm_layer[i] == "body" and not (sk.turn >= 0.8 and i == 1):
            _draw_arm(brush, figure, i)
    _draw_held(brush, figure, rng)
    draw_face(head, figure.face)
    draw_front_hair(head, figure.hair)
    draw_braid(head, figure.hair)
    for i in (0, 1):
        if sk.arm_layer[i] == "face":
            _draw_arm(brush, figure, i)
    if scene.pose == "sing":
        things.draw_notes(brush, sk.head, rng)


def _draw_legs(brush: Brush, figure: Figure) -> None:
    sk, outfit = figure.skeleton, figure.outfit
    for i in (1, 0):
        skin, trousers = figure.skin, outfit.trousers
        if i == 1 and sk.turn >= 0.5:
            skin = brush.look.shade(skin)
            trousers = brush.look.shade(trousers) if trousers else None
        if sk.seated and trousers is None and sk.turn < 0.8:
            _draw_shin(brush, figure, i)
            continue
        draw_leg(brush, sk.legs[i], skin, trousers, outfit.sock, outfit.shoe, sk.turn, (-1, 1)[i])


def _draw_shin(brush: Brush, figure: Figure, i: int) -> None:
    limb = figure.skeleton.legs[i]
    draw_leg(brush, limb, figure.skin, None, figure.outfit.sock, figure.outfit.shoe, 0.0, (-1, 1)[i])


def _draw_arm(brush: Brush, figure: Figure, i: int) -> None:
    sk, outfit, scene = figure.skeleton, figure.outfit, figure.scene
    holds = i == 1 and things.held_in_hand(scene.thing, sk)
    if holds and scene.thing == "microphone":
        mouth = (sk.head[0] + 0.17 * sk.turn * 1.2, sk.head[1] + 0.36)
        things.draw_microphone(brush, sk.arms[1].tip, mouth)
    fist = holds or scene.pose in ("run", "guitar")
    side = (-1, 1)[i] if sk.turn < 0.8 else 1
    skin, cloth = figure.skin, outfit.cloth
    if sk.arm_layer[i] == "behind" or (sk.turn >= 0.8 and i == 1 and sk.arm_layer[i] == "body"):
        skin, cloth = brush.look.shade(skin), brush.look.shade(cloth)
    draw_arm(brush, sk.arms[i], skin, outfit.cut.sleeve, cloth, outfit.trim, side, fist, sk.turn >= 0.8)
    if holds:
        draw_hand(brush, sk.arms[i], skin, side, True)


def _draw_held(brush: Brush, figure: Figure, rng: Random) -> None:
    sk, scene = figure.skeleton, figure.scene
    tip = sk.arms[1].tip
    if scene.thing == "flowers":
        things.draw_flowers(brush, tip, rng)
        draw_hand(brush, sk.arms[1], figure.skin, 1, True)
    elif scene.thing == "umbrella" and sk.turn >= 0.8:
        things.draw_umbrella(brush, tip, figure.thing_colour)
    elif scene.thing == "book" and scene.pose == "read":
        things.draw_book(
            brush,
            (sk.arms[0].tip[0] + tip[0]) / 2,
            (sk.arms[0].tip[1] + tip[1]) / 2 - 0.02,
            figure.thing_colour,
        )
        for i in (0, 1):
            draw_hand(brush, sk.arms[i], figure.skin, (-1, 1)[i], True)
