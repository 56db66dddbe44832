"""How reports call things, in Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "lora_rank": r"lora[_ ]?rank|rank|LoRA\s*秩|秩",
    "lora_alpha": r"lora[_ ]?alpha|alpha",
    "lora_dropout": r"lora[_ ]?dropout|dropout",
    "target_modules": r"target[_ ]modules|目标模块",
    "seq_length": r"seq[_ ]length|seq[_ ]len|sequence length|max[_ ]seq[_ ]length|序列长度|最大长度",
    "seed": r"seed|random seed|随机种子|种子",
    "epochs": r"(?:num_train_)?epochs?|训练轮数|训练轮次|轮数|轮次",
    "batch_size": r"batch[_ ]size|批大小|批次大小|批量大小",
    "learning_rate": r"learning[_ ]rate|lr|学习率",
    "cards": r"cards|NPUs|卡数",
    "trainable": r"trainable param(?:eter)?s|network parameters|(?:可训练|训练|微调|参与微调的)参数(?:量|数)?",
    "total": r"total param(?:eter)?s|(?:模型)?总参数(?:量|数)?",
    "ratio": r"ratio|低参比例|参数占比|参数比例|(?:可训练|训练)参数(?:占比|比例)",
    "f1": r"F1(?:\s*[-_]?\s*score)?|F1\s*(?:值|分数|得分)",
    "em": r"EM(?:\s*[-_]?\s*score)?|exact match|EM\s*(?:值|分数|得分)",
    "accuracy": r"accuracy|acc|准确率|正确率",
    "items": r"squad items|items|题数|条数",
}
"""Name of a fact -> an expression for what reports call it, upper or lower case."""

WAS = re.compile(
    r"was|base(?:line)?|baseline value|base model|before|old|default|official"
    r"|基线|基座|原来?|原值|原模型|原始值?|改前|修改前|微调前|默认值?|官方",
    re.IGNORECASE,
)
"""Heading of a column with what was before."""

IS = re.compile(
    r"is|now|after|new|value|tuned|tuned model|fine-?tuned|this run|ours|trial"
    r"|本次|现在?|现值|微调后|改后|修改后|调整后|新值?|值|取值|设置|结果",
    re.IGNORECASE,
)
"""Heading of a column with what is now."""

KEY = re.compile(
    r"|key|name|parameter|hyperparameter|setting|item|metric|参数|参数名|超参数?|名称|项目?|指标|配置项?", re.IGNORECASE
)
"""Heading of the first column of a table of changed parameters."""

BASE = re.compile(r"基线|微调前|原模型|原始模型|基座|baseline|base model|untuned|before fine", re.IGNORECASE)
"""In a line or heading: what it says is of the model before tuning."""

AFTER = re.compile(r"微调后|本次|训练后|(?<!un)tuned|after fine", re.IGNORECASE)
"""In a line: what it says is of the model after tuning."""

ON_TRAINING_DATA = re.compile(r"(?:训练集?|\btrain(?:ing)?(?:[- ]set)?)(?:上|的)*\s*$", re.IGNORECASE)
"""Before the name of a score: no evaluation gave it."""

BASE_ABILITY = re.compile(r"squad|\bF1\b|\bEM\b|原有能力|base ability", re.IGNORECASE)
"""In a line: it is about the base ability, so numbers of items are SQuAD's."""

IS_NAMED = (
    r"[`*_\"'\s]*(?:\([^()]{0,40}\)|（[^（）]{0,40}）)?"
    r"\s*(?P<is>[:：=≈]|设置为|设为|设置成|为|是|取|\bis\b|\bwas\b|\bof\b)?\s*[`*'\"]*"
)
"""Between a name and its value; group ``is`` says that it is one."""

NEEDS_IS = ("lora_rank", "lora_alpha", "lora_dropout", "epochs", "learning_rate")
"""What stands before numbers that are no settings, too, as in ``rank 0`` and ``epoch 1``."""

CHANGED = (
    r"[`'\"]*\s*(?:改为了?|改成了?|修改为了?|修改成|调整为了?|调整到|变为|提高到|增加到|降低到|降到|到|至"
    r"|->|-->|→|=>|⇒|\bto\b)\s*[`'\"]*"
)
"""Between what was and what is."""
