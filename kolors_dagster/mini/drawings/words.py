"""The Chinese words for every attribute; where there are several, a caption takes one by lot."""

COLOURS = {
    "black": "黑色",
    "brown": "棕色",
    "blonde": "金色",
    "red": "红色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
    "silver": "银色",
    "green": "绿色",
    "white": "白色",
    "yellow": "黄色",
    "orange": "橙色",
}
LENGTHS = {
    "short": "短发",
    "shoulder": "齐肩发",
    "long": "长发",
}
TIES = {
    "ponytail": ("扎着马尾", "梳着马尾辫"),
    "twin_tails": ("扎着双马尾", "梳着双马尾"),
    "bun": ("盘着丸子头", "扎着丸子头"),
    "braid": ("编着麻花辫", "梳着辫子"),
}
PEOPLE = {
    ("female", "child"): ("小女孩", "小姑娘"),
    ("female", "young"): ("女孩", "少女", "姑娘"),
    ("female", "adult"): ("女人", "年轻女子"),
    ("female", "old"): ("老奶奶", "老婆婆"),
    ("male", "child"): ("小男孩",),
    ("male", "young"): ("男孩", "少年"),
    ("male", "adult"): ("男人", "年轻男子"),
    ("male", "old"): ("老爷爷",),
}
SKINS = {
    "tan": "小麦色皮肤的",
    "brown": "深色皮肤的",
}
CUTS = {
    "dress": ("连衣裙", "裙子"),
    "gown": ("长裙", "礼服长裙"),
    "sweater": ("毛衣",),
    "hoodie": ("卫衣", "连帽衫"),
    "coat": ("大衣", "外套"),
    "uniform": ("校服",),
    "costume": ("演出服", "演出裙"),
    "suit": ("西装",),
}
PLACES = {
    "home": ("家里的客厅", "家里", "客厅"),
    "bedroom": ("卧室", "自己的房间"),
    "concert": ("音乐会的观众席", "演唱会的观众席", "演唱会现场"),
    "practice": ("练习室", "排练室"),
    "dressing": ("化妆间", "后台化妆间"),
    "stage": ("舞台", "灯光闪耀的舞台"),
    "classroom": ("教室", "学校的教室"),
    "street": ("街道", "小镇的街道"),
    "rooftop": ("天台", "楼顶天台"),
    "forest": ("森林", "林间小路"),
    "sea": ("海边", "沙滩"),
    "snow": ("雪地", "雪原"),
    "meadow": ("草地", "开满花的草地"),
}
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
SEATS = {
    "home": "沙发上",
    "bedroom": "沙发上",
    "concert": "座位上",
    "practice": "椅子上",
    "dressing": "椅子上",
    "stage": "椅子上",
    "classroom": "椅子上",
    "street": "长椅上",
    "rooftop": "长椅上",
    "snow": "长椅上",
    "forest": "木头上",
    "sea": "木头上",
    "meadow": "木头上",
}
POSES = {
    "stand": ("站着", "静静地站着"),
    "sit": ("坐着",),
    "sing": ("唱歌", "放声歌唱", "演唱"),
    "chin": ("双手托腮", "双手托着下巴"),
    "wish": ("双手合十，闭着眼睛许愿", "闭上眼睛许愿"),
    "walk": ("散步", "走路", "行走"),
    "run": ("奔跑", "跑步"),
    "sleep": ("睡觉", "睡着了"),
    "dance": ("跳舞", "翩翩起舞"),
    "wave": ("挥手", "挥着手打招呼"),
    "guitar": ("弹吉他", "弹着吉他"),
    "read": ("看书", "读书"),
}
EXPRESSIONS = {
    "smile": ("微笑着", "面带微笑"),
    "laugh": ("开心地笑着", "笑得很开心"),
    "calm": ("神情平静", "神情专注"),
    "sad": ("神情难过", "有些伤心"),
    "surprised": ("一脸惊讶", "神情惊讶"),
    "bored": ("一脸无聊", "神情无聊"),
    "closed": ("闭着眼睛",),
}
THINGS = {
    "microphone": ("拿着麦克风", "手里握着话筒"),
    "guitar": ("抱着吉他",),
    "shooting_star": ("天上划过一颗流星", "夜空中有流星", "夜空中有一颗流星划过"),
    "umbrella": ("撑着伞", "打着一把伞", "撑着雨伞"),
    "cat": ("身边有一只猫", "旁边坐着一只小猫"),
    "book": ("捧着一本书", "手里拿着书"),
    "flowers": ("拿着一束花", "手捧鲜花"),
    "balloon": ("拿着气球", "牵着一只气球"),
}
# Things whose colour the scene names; {} is the colour.
COLOURED_THINGS = {
    "umbrella": ("撑着{}的伞", "打着{}的雨伞", "撑着一把{}的大伞", "撑着一把{}的伞", "撑着{}雨伞"),
    "balloon": ("拿着{}的气球", "牵着一只{}气球"),
    "book": ("捧着一本{}的书",),
}
# What is always to be seen at a place, or under a clear sky.
SURROUNDINGS = {
    "concert": ("周围是观众和灯光", "台下坐满观众"),
    "stage": ("灯光闪耀", "台下是观众", "聚光灯照在身上"),
    "sea": ("远处是大海",),
    "street": ("路边是房子",),
    "rooftop": ("远处是城市的高楼",),
}
WINDOW = {
    "day": ("窗外是夏天的阳光", "窗外天气晴朗", "窗外阳光明媚"),
    "night": ("窗外是夜空",),
}
WINDOWED = ("home", "bedroom", "classroom")
MIRROR = ("对着镜子微笑",)
STARRY = ("夜空中有一颗明亮的星星", "满天星光", "星空下")
SUNNY = ("阳光明媚", "晴天")
SOAKED = ("浑身湿透", "没有带伞")
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
