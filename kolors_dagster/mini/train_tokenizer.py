"""How `assets/tokenizer.model` was made: run `python -m kolors_dagster.mini.train_tokenizer`.

A small vocabulary of the same kind as ChatGLM3's: SentencePiece BPE that falls back to bytes, so that any
text can be written with it. Known whole: the 3,755 commonest characters (level 1 of GB 2312), ASCII,
punctuation, and the words below, which the scenes of small pictures are told in. Learnt from words, not
sentences, so that no piece reaches over two of them and a colour means the same before every noun.
"""

import io

import sentencepiece

from kolors_dagster.files import write_whole_file
from kolors_dagster.mini.config import TOKENIZER_MODEL

VOCABULARY = 4864

_WORDS = """
女孩 少女 男孩 少年 孩子 老人 姑娘 女人 男人 人物 猫 狗 小鸟 一个 一只 两个 许多 独自 紫色 黑色 金色
银色 红色 蓝色 绿色 棕色 粉色 白色 橙色 灰色 黄色 青色 深蓝 浅蓝 头发 短发 长发 中长发 马尾 卷发 直发
双马尾 齐肩发 刘海 眼睛 笑容 眼泪 侧脸 正面 侧面 背影 全身 半身 特写 连衣裙 校服 外套 毛衣 衬衫 短裙
长裙 睡衣 礼服 斗篷 汉服 和服 帽子 围巾 演出服 便装 穿着 戴着 拿着 抱着 房间 卧室 家里 舞台 海边 森林
雪山 城市 街头 夜空 教室 花园 河边 屋顶 窗边 沙滩 竹林 咖啡馆 书店 车站 田野 霓虹灯 灯光 烛光 阳光 月光
星光 聚光灯 观众 台下 台上 沙发 床上 桌子 书桌 窗户 大海 湖泊 山川 道路 小巷 桥 船 站着 坐着 躺着 奔跑
行走 跳舞 唱歌 挥手 看书 弹吉他 弹琴 仰望 微笑 睡觉 发呆 回头 伸手 撑伞 喝茶 写字 画画 话筒 吉他 钢琴
星星 流星 许愿 愿望 梦想 无聊 高兴 难过 惊讶 害羞 勇敢 练习 排练 报名 海报 看着 望着 走在 站在 坐在 清晨
早晨 正午 下午 黄昏 傍晚 夜晚 深夜 雨天 下雪 晴天 满月 星空 日落 日出 彩虹 樱花 落叶 雪花 云朵 春天 夏天
秋天 冬天 二次元 水墨画 水墨 水彩画 水彩 赛博朋克 油画 素描 动漫 风格 插画 漫画 国画 高质量 细节 丰富
柔和 光线 明亮 昏暗 背景 前景 远处 近处 上方 下方 中间 左边 右边 画面 构图 色彩 线条 留白 墨色 轮廓 简洁
干净 文字 水印 低质量 模糊 变形 多余 手指 丑陋 破损 画风 错误 重复 签名 girl boy child hair purple black
blonde silver red blue green brown pink white orange grey yellow long short dress uniform coat stage sea
forest mountain city night room window garden street school sing dance sit stand run read smile wave
sleep look star moon sun rain snow light dark style anime ink wash watercolour cyberpunk illustration
text watermark low quality blurry deformed bad hands ugly extra fingers
"""


def corpus() -> list[str]:
    """Return the words the merges are learnt from: Chinese ones bare, English ones after a space too."""
    words = _WORDS.split()
    return [*words, *(f"a {word}" for word in words if word.isascii())]


def common_characters() -> str:
    """Return level 1 of GB 2312, its punctuation, and printable ASCII."""
    rows = [*range(0xB0, 0xD8), 0xA1, 0xA3]
    codes = bytes(byte for row in rows for cell in range(0xA1, 0xFF) for byte in (row, cell))
    ascii_characters = "".join(map(chr, range(0x21, 0x7F)))
    characters = codes.decode("gb2312", errors="ignore") + ascii_characters
    return "".join(dict.fromkeys(character for character in characters if not character.isspace()))


def train_tokenizer() -> bytes:
    """Return the tokenizer model's bytes; the same every time."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()),
        model_writer=model,
        model_type="bpe",
        vocab_size=VOCABULARY,
        required_chars=common_characters(),
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        add_dummy_prefix=False,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


if __name__ == "__main__":
    with write_whole_file(TOKENIZER_MODEL) as path:
        path.write_bytes(train_tokenizer())
