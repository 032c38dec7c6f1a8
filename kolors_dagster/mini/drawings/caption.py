"""Chinese captions of scenes, in many phrasings, with and without each attribute."""

from random import Random

from kolors_dagster.mini.drawings.scene import OUTDOORS, Scene

COLOURS = {
    "black": "黑色", "brown": "棕色", "blonde": "金色", "red": "红色", "blue": "蓝色", "purple": "紫色", "pink": "粉色",
    "silver": "银色", "green": "绿色", "white": "白色", "yellow": "黄色", "orange": "橙色",
}  # fmt: skip
LENGTHS = {"short": "短发", "shoulder": "齐肩发", "long": "长发"}
TIES = {
    "ponytail": ("扎着马尾", "梳着马尾辫"),
    "twin_tails": ("扎着双马尾", "梳着双马尾"),
    "bun": ("盘着丸子头", "扎着丸子头"),
    "braid": ("编着麻花辫", "梳着辫子"),
}
PEOPLE = {
    ("female", "child"): ("小女孩", "小姑娘"), ("female", "young"): ("女孩", "少女", "姑娘"), ("female", "adult"): ("女人", "年轻女子"),
    ("female", "old"): ("老奶奶", "老婆婆"), ("male", "child"): ("小男孩",), ("male", "young"): ("男孩", "少年"),
    ("male", "adult"): ("男人", "年轻男子"), ("male", "old"): ("老爷爷",),
}  # fmt: skip
SKINS = {"tan": "小麦色皮肤的", "brown": "深色皮肤的"}
CUTS = {
    "dress": ("连衣裙", "裙子"), "gown": ("长裙", "礼服长裙"), "sweater": ("毛衣",), "hoodie": ("卫衣", "连帽衫"),
    "coat": ("大衣", "外套"), "uniform": ("校服",), "costume": ("演出服", "演出裙"), "suit": ("西装",),
}  # fmt: skip
PLACES = {
    "home": ("家里的客厅", "家里", "客厅"), "bedroom": ("卧室", "自己的房间"), "concert": ("音乐会的观众席", "演唱会现场的座位"),
    "practice": ("练习室", "排练室"), "dressing": ("化妆间", "后台化妆间"), "stage": ("舞台", "灯光闪耀的舞台"),
    "classroom": ("教室", "学校的教室"), "street": ("街道", "小镇的街道"), "rooftop": ("天台", "楼顶天台"),
    "forest": ("森林", "林间小路"), "sea": ("海边", "沙滩"), "snow": ("雪地", "雪原"), "meadow": ("草地", "开满花的草地"),
}  # fmt: skip
IN = {
    "home": "里",
    "stage": "上",
    "street": "上",
    "rooftop": "上",
    "sea": "",
    "concert": "上",
    "snow": "里",
    "meadow": "上",
}
SEATS = {"home": "沙发上", "bedroom": "沙发上", "concert": "座位上", "practice": "椅子上", "dressing": "椅子上", "stage": "椅子上",
         "classroom": "椅子上", "street": "长椅上", "rooftop": "长椅上", "snow": "长椅上", "forest": "木头上", "sea": "木头上", "meadow": "木头上"}  # fmt: skip
POSES = {
    "stand": ("站着", "静静地站着"), "sit": ("坐着",), "sing": ("唱歌", "放声歌唱", "演唱"), "chin": ("双手托腮", "双手托着下巴"),
    "wish": ("双手合十，闭着眼睛许愿", "闭上眼睛许愿"), "walk": ("散步", "走路", "行走"), "run": ("奔跑", "跑步"), "sleep": ("睡觉", "睡着了"),
    "dance": ("跳舞", "翩翩起舞"), "wave": ("挥手", "挥着手打招呼"), "guitar": ("弹吉他", "弹着吉他"), "read": ("看书", "读书"),
}  # fmt: skip
EXPRESSIONS = {"smile": ("微笑着", "面带微笑"), "laugh": ("开心地笑着", "笑得很开心"), "calm": ("神情平静",), "sad": ("神情难过", "有些伤心"),
               "surprised": ("一脸惊讶", "神情惊讶"), "bored": ("一脸无聊", "神情无聊"), "closed": ("闭着眼睛",)}  # fmt: skip
THINGS = {
    "microphone": ("拿着麦克风", "手里握着话筒"), "guitar": ("抱着吉他",), "shooting_star": ("天上划过一颗流星", "夜空中有流星"),
    "umbrella": ("撑着伞", "打着一把伞"), "cat": ("身边有一只猫", "旁边坐着一只小猫"), "book": ("捧着一本书", "手里拿着书"),
    "flowers": ("拿着一束花", "手捧鲜花"), "balloon": ("拿着气球", "牵着一只气球"),
}  # fmt: skip
TIMES = {
    "morning": ("清晨", "早晨"),
    "day": ("白天",),
    "dusk": ("黄昏", "傍晚"),
    "night": ("夜晚", "晚上", "夜里"),
}
WEATHER = {
    "clear": ("天气晴朗",),
    "cloudy": ("天上有云", "多云"),
    "rain": ("下着雨", "雨中"),
    "snow": ("下着雪", "雪花飘落"),
}
FRAMINGS = {
    "full": ("全身",),
    "half": ("半身像", "半身"),
    "close": ("特写", "面部特写"),
    "side": ("侧面", "侧身"),
}


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
    if rng.random() < 0.25:
        sentence = f"{rng.choice(FRAMINGS[scene.framing])}，{sentence}"
    if rng.random() < 0.3:
        sentence = f"{rng.choice(TIMES[scene.time])}，{sentence}"
    return sentence + ("。" if rng.random() < 0.3 else "")


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
    elif roll < 0.2:
        hair = f"{colour}头发的"
    elif tie:
        hair = f"{colour}{length}{tie}的" if roll < 0.6 else f"{tie}、{colour}{length}的"
    else:
        hair = f"{rng.choice(('', '一头', '留着', '有着'))}{colour}{length}的"
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
    return f"在{where}{pose}"


def _shorten(where: str) -> str:
    for tail in ("里", "上"):
        where = where.removesuffix(tail) if len(where) > 2 else where
    return (
        "" if "座位" in where else "家里的" if where in ("家里", "客厅", "家里的客厅", "家") else f"{where}的"
    )


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
        extras.append(rng.choice(EXPRESSIONS[scene.expression]))
    if scene.thing in THINGS and scene.pose not in ("guitar", "read") and rng.random() < 0.85:
        extras.append(rng.choice(THINGS[scene.thing]))
    if scene.place in OUTDOORS and rng.random() < (0.3 if scene.weather == "clear" else 0.7):
        extras.append(rng.choice(WEATHER[scene.weather]))
    rng.shuffle(extras)
    return extras
