"""The words the rules know, Chinese and English."""

import re

# Names of ways of drawing; those of one row go together.
STYLE_WORDS = (
    ("二次元", "动漫", "动画", "漫画", "日漫", "卡通", "anime", "manga", "comic", "cartoon"),
    ("水墨", "水墨画", "国画", "中国画", "工笔画", "写意", "ink wash", "ink wash painting", "ink painting"),
    ("水彩", "水彩画", "watercolor", "watercolour", "watercolor painting", "watercolour painting"),
    ("油画", "厚涂", "印象派", "oil painting", "impressionism"),
    ("赛博朋克", "蒸汽朋克", "蒸汽波", "cyberpunk", "steampunk", "vaporwave"),
    ("素描", "铅笔画", "线稿", "速写", "sketch", "pencil sketch", "line art"),
    ("像素", "像素画", "像素风", "pixel art"),
    ("写实", "照片", "摄影", "真实感", "realistic", "photorealistic", "photo", "photograph", "photography"),
    ("浮世绘", "ukiyo-e"),
    ("剪纸", "版画", "木刻", "paper cut", "woodcut"),
    ("3d渲染", "三维渲染", "粘土", "3d render", "claymation"),
)
# A clause that calls itself a style: 吉卜力风格, in the style of Monet.
STYLE_CLAUSE = re.compile(r"[^的]{1,8}(?:风格|画风)|(?:in )?(?:the )?style of .+|.+ (?:art )?style", re.I)

# Hair, in families: a colour or a length contradicts only one of another family.
_COLOURS = {
    "black": "黑乌|black|raven",
    "white": "白银灰|white|silver|grey|gray",
    "blonde": "金黄|blonde|blond|golden|yellow",
    "brown": "棕褐栗茶|brown|brunette|chestnut",
    "red": "红|red|ginger|auburn|crimson",
    "orange": "橙橘|orange",
    "pink": "粉|pink",
    "purple": "紫|purple|violet|lavender",
    "blue": "蓝|blue|navy",
    "green": "绿|green",
}
COLOUR_FAMILY = {
    word: family
    for family, words in _COLOURS.items()
    for word in (*words.partition("|")[0], *words.split("|")[1:])
}
_HAN_COLOURS = "".join(words.partition("|")[0] for words in _COLOURS.values())
_ENGLISH_COLOURS = "|".join(word for words in _COLOURS.values() for word in words.split("|")[1:])
_HAN_HAIR = (
    r"(?:头发|秀发|发丝|[短长卷直碎]发|齐[肩耳腰]发|[披及]肩发|及腰发|双?马尾|麻花辫|辫子|丸子头|刘海"
    r"|发(?![生现出型夹带箍卡光亮饰簪呆射动展言表明誓抖愁]))"
)
_HAN_SHAPE = (
    r"(?:的|大|小|高|低|单|侧|双|中|长|短|卷|直|微卷|波浪|蓬松|柔顺|凌乱|齐肩|齐耳|齐腰|披肩|及肩|及腰)*"
)
_ENGLISH_SHAPE = (
    r"(?:(?:very|long|short|curly|straight|wavy|messy|soft|thick|flowing|(?:shoulder|waist|chin)[- ]length)"
    r"[ ,]+)*"
)
HAIR_COLOUR = re.compile(
    rf"(?P<before>[{_HAN_COLOURS}]+)色?(?:渐变)?{_HAN_SHAPE}{_HAN_HAIR}"
    rf"|头发(?:是|为|变成|变|染成|染|换成)了?(?P<after>[{_HAN_COLOURS}]+)色"
    rf"|\b(?P<en>{_ENGLISH_COLOURS})[ -]+{_ENGLISH_SHAPE}hair(?:ed)?\b"
    rf"|\bhair (?:is |dyed |turned )?(?P<en_after>{_ENGLISH_COLOURS})\b",
    re.I,
)
HAIR_LENGTHS = {
    "short": re.compile(
        r"短(?:头|卷|直|碎)?发|齐耳|寸头|波波头|短马尾|\bshort(?:[ ,]+\w+){0,2} hair\b|\bbob cut\b", re.I
    ),
    "shoulder": re.compile(
        r"[齐及]肩|披肩(?:的?[长卷直]?)发|中长发|\b(?:shoulder|chin)[- ]length(?:[ ,]+\w+){0,2} hair\b", re.I
    ),
    "long": re.compile(
        r"长(?:头|卷|直)?发|长长的(?:头|秀)发|[及齐]腰的?[长卷直]?发"
        r"|\b(?:long|waist[- ]length)(?:[ ,]+\w+){0,2} hair\b",
        re.I,
    ),
}
# Someone or something else that may have hair of its own.
PERSON = re.compile(
    r"男孩|女孩|小孩|孩子|男人|女人|男子|女子|少年|少女|老人|爷爷|奶奶|妈妈|爸爸|母亲|父亲|姐姐|妹妹|哥哥|弟弟|朋友"
    r"|同学|老师|观众|路人|人群|姑娘|宝宝|王子|公主|精灵|娃娃|玩偶|海报"
    r"|\b(?:boy|girl|man|woman|child|kid|lady|mother|father|sister|brother|friend|doll|elf|prince|princess)s?\b",
    re.I,
)

# What shows a hand at work or its fingers; not 歌手, 手机, 手表 …
HANDS = re.compile(
    r"双手|[左右小]手(?!机|表|套)|手[里中上心指掌拉牵挽捧]|[挥招牵握举伸拍拉摊]手(?!机|表)|[握捧拿捏拎抓]着|托腮|比心|拇指"
    r"|弹(?:着)?(?:吉他|琴|钢琴)|\bhands?\b|\bfingers?\b|\b(?:holding|waving|clapping|pointing|grabbing)\b",
    re.I,
)
HAND_TERMS = re.compile(r"手|肢|hand|finger|limb", re.I)
