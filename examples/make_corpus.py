"""Writes the files of examples/corpus that cannot be edited as plain UTF-8 text.

    pip install python-docx openpyxl python-pptx reportlab
    apt-get install fonts-wqy-microhei
    python3 examples/make_corpus.py

The texts stand below in a small dialect of Markdown (#, -, |). The output is the same on every run with the
same versions of the libraries: dates are fixed and archives are written again with fixed times.
"""

import datetime
import email.message
import email.policy
import io
import pathlib
import re
import zipfile

import docx
import openpyxl
import pptx
import pptx.util
from docx.oxml.ns import qn
from reportlab.lib import colors, styles
from reportlab.pdfbase import pdfmetrics, ttfonts
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

CORPUS = pathlib.Path(__file__).parent / "corpus"
DATE = datetime.datetime(2026, 10, 1, 8, 0, 0)
CHINESE_FONT = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"

# ---------------------------------------------------------------- texts: docx

HANDBOOK = """
# 员工手册
卡德福泵业（苏州）有限公司 人力资源部编制 版本 2026 年版 自2026年1月1日起施行。
## 第一章 入职与试用
- 新员工须在入职当日签订劳动合同，合同期限为三年。
- 试用期为三个月，试用期工资为转正工资的90%。
- 入职培训由人力资源部周敏负责。
## 第二章 工作时间
标准工作时间为周一至周五8:30至17:30，中午休息一小时。弹性上班时间为8:00至9:30。每月迟到超过三次的，扣发当月全勤奖300元。
## 第三章 休假制度
员工每年享有12天带薪年假。工龄每满五年增加2天，最多不超过20天。年假当年未休完的，可顺延至次年3月31日。
| 假期种类 | 天数 | 工资 |
| 婚假 | 13天 | 全额 |
| 产假 | 158天 | 按生育保险规定 |
| 陪产假 | 15天 | 全额 |
| 丧假 | 3天 | 全额 |
## 第四章 福利
- 公司为员工缴纳五险一金，住房公积金缴存比例为10%。
- 每月餐补450元，随工资发放。
- 每年九月组织一次免费体检，体检医院为苏州工业园区星湖医院。
- 夜班津贴为每班60元。
## 第五章 离职
员工辞职须提前三十日书面通知公司，试用期内提前三日通知。离职当日须交还工牌、电脑及硬件密钥。
"""

SEAL_CONTRACT = """
# 机械密封采购合同
合同编号：KDF-CG-2026-0387
签订日期：2026年3月16日 签订地点：苏州工业园区
甲方（买方）：卡德福泵业（苏州）有限公司
乙方（卖方）：宁波锐封密封科技有限公司
## 第一条 标的物
| 部件号 | 名称 | 数量（套） | 单价（元） | 金额（元） |
| MS-2207 | 碳化硅机械密封 32 mm | 4000 | 412 | 1648000 |
| MS-2215 | 碳化硅机械密封 45 mm | 1200 | 655 | 786000 |
合同总金额为人民币2434000元（大写：贰佰肆拾叁万肆仟元整），含13%增值税。
## 第二条 交货
乙方自2026年4月起分八批交货，每月25日前送达甲方苏州仓库，运费由乙方承担。
## 第三条 质量标准
泄漏量不得超过每小时3毫升，抽检比例为5%。质量保证期为到货验收之日起24个月。
## 第四条 付款方式
合同签订后七日内预付20%，每批货物验收合格后60日内支付该批货款的75%，余下5%为质量保证金。
## 第五条 违约责任
乙方逾期交货的，每逾期一日按该批货款的0.3%支付违约金；逾期超过20日的，甲方有权解除合同。
## 第六条 争议解决
因本合同发生的争议，提交苏州仲裁委员会仲裁。
甲方代表：孙立新 乙方代表：方建明
"""

# ---------------------------------------------------------------- texts: pdf; a line "---" starts a new page

SERVICE_MANUAL = """
# AX-200 centrifugal pump: service manual
Document SM-AX200-EN, revision 7, August 2026. Kadeflow Pumps B.V., Rotterdam. Read this manual before you open the pump. For warranty see document W-AX-05.
## 1 Technical data
| Quantity | Value |
| Rated flow | 45 cubic metres per hour |
| Rated head | 32 m |
| Motor | 7.5 kW, 400 V, 50 Hz, IE4 |
| Speed | 2,940 revolutions per minute |
| Weight with base | 118 kg |
| Highest medium temperature | 105 degrees Celsius |
| Noise at 1 m | 71 dB(A) |
## 2 Safety
- Switch off and lock the main switch; wait 10 minutes until the frequency converter has lost its charge.
- Never run the pump dry, not even for a test of the direction of rotation.
- Lift the pump at the two eyes of the base only, never at the motor.
---
## 3 Maintenance plan
| Interval | Work |
| Every week | Listen for new noises, look for leaks |
| Every 2,000 hours | Grease the bearings with 18 g of Lubrex EP2 per bearing |
| Every 8,000 hours | Replace the mechanical seal MS-2207 |
| Every 16,000 hours | Replace bearings 6308-C3 and coupling insert CB-0090 |
## 4 Replacing the mechanical seal
- Drain the housing through plug D2 and take off the coupling guard.
- Loosen the eight housing bolts crosswise and pull out the bearing unit.
- Clean the shaft sleeve. Do not touch the sliding faces; wet the O-ring with soapy water, never with grease.
- Fit the new seal and tighten the housing bolts crosswise to 65 Nm.
- Fill, vent at screw V1 and check for leaks for 30 minutes.
The work takes about 2.5 hours for one fitter. The special tool KT-31 pulls the seal seat.
---
## 5 Error codes of the controller
| Code | Meaning | What to do |
| E-4003 | Undervoltage of the supply | Measure the supply; at least 360 V between phases |
| E-4010 | Motor too hot | Clean the fan cover, let the motor cool for 40 minutes |
| E-4021 | Dry running: pressure too low while the motor turns | Check the inlet valve, fill and vent the pump, then press Reset for 5 seconds |
| E-4022 | Blocked impeller | Lock the switch, take off the inlet pipe, remove the blockage |
| E-4035 | No signal of the pressure sensor | Check the cable at terminal X4, replace the sensor S-40 |
| E-4050 | Bearing vibration above 7.1 mm/s | Check the alignment of the coupling, then replace the bearings |
| E-4077 | Controller memory fault | Replace the controller board KC-12 |
After three E-4021 errors within 24 hours the controller stays locked until a service partner enters the release code.
## 6 Storage
Store the pump dry at 5 to 40 degrees Celsius. Turn the shaft by hand once a month. After more than 18 months of storage replace the O-rings before use.
"""

QUALITY_REPORT = """
# 质量事故报告
报告编号：QA-2026-07 编写人：魏国强 日期：2026年7月28日
## 一、事故概述
2026年7月9日，客户杭州青禾食品有限公司反映新安装的 AX-200 水泵轴封处漏水。经排查，同批次共有27台水泵存在相同问题，涉及生产批号 B2606-14。
## 二、原因分析
机械密封 MS-2207 的弹簧热处理温度不足，实测硬度为 HRC 38，低于要求的 HRC 44。供应商在6月更换了热处理炉，未按合同通知我司。
## 三、影响与损失
| 项目 | 金额（元） |
| 更换密封件 | 18630 |
| 现场服务费 | 43200 |
| 客户赔偿 | 60000 |
| 合计 | 121830 |
---
## 四、纠正措施
- 立即隔离库存的830套密封，全部退回供应商。责任人：吴婷，7月12日已完成。
- 进货检验增加弹簧硬度检测，每批抽检10件。责任人：魏国强，8月1日起执行。
- 对供应商进行现场审核。责任人：孙立新，计划9月5日完成。
## 五、预防措施
供应商变更关键工艺须提前45天书面通知，并提交首件检验报告。该要求写入下一年度采购合同。
## 六、结论
本次事故定为二级质量事故，责任方为供应商，损失由供应商承担80%。
"""

# ---------------------------------------------------------------- texts: pptx, a slide as (title, lines, speaker's notes)

BOARD_UPDATE = [
    ("Board update, third quarter of 2026", ["Kadeflow Pumps B.V.", "Hanneke Blom, managing director", "22 October 2026"], ""),
    ("Figures", ["Revenue EUR 24.6 million (plan: 23.9 million)", "Order intake EUR 27.1 million", "Gross margin 38.2 %",
                 "Sick leave 4.6 %"], "Revenue grew 9 % on the year before, mostly in desalination."),
    ("Risks", ["Castings for the AX-350: one foundry only", "Exchange rate of the renminbi", "Shortage of test engineers: 4 open posts"], ""),
    ("Plan for 2027", ["Launch of the AX-500", "Solar roof on hall 2: 640 kW peak, EUR 710,000", "Service hub in Gdansk from June"],
     "The supervisory board wants a second quote for the solar roof."),
]

TRAINING = [
    ("KG-8 网关培训", ["苏州服务中心 郭晓峰", "2026年9月"], ""),
    ("安装要点", ["安装温度范围：零下25度至60度", "天线与变频器的距离不小于1.5米", "导轨安装，供电24伏直流"], "现场演示天线的安装。"),
    ("指示灯含义", ["绿灯常亮：已连接平台", "黄灯闪烁：正在搜索网络", "红灯闪烁：SD卡故障", "蓝灯常亮：正在升级固件，不可断电"], ""),
    ("初始密码", ["初始密码为机身标签上的后八位", "首次登录必须修改", "连续输错5次，锁定15分钟"], ""),
]

# ---------------------------------------------------------------- texts: xlsx, sheets of rows

PRICE_LIST = {
    "Pumps": [
        ["Part number", "Description", "List price EUR", "Delivery weeks"],
        ["AX-200-EU", "AX-200 centrifugal pump, 7.5 kW", 3480, 3],
        ["AX-200-EX", "AX-200 for explosive atmospheres", 5120, 8],
        ["AX-350-EU", "AX-350 centrifugal pump, 22 kW", 7950, 5],
    ],
    "Sensors and gateways": [
        ["Part number", "Description", "List price EUR", "Delivery weeks"],
        ["KS-40-1600", "S-40 pressure sensor, 16 bar", 219, 1],
        ["KS-40-2500", "S-40 pressure sensor, 25 bar", 248, 1],
        ["KS-65-080", "S-65 flow sensor, DN 80", 865, 2],
        ["KG-8-4G", "KG-8 gateway, 4G", 540, 2],
    ],
    "Conditions": [
        ["Point", "Text"],
        ["Validity", "1 January 2026 to 31 December 2026"],
        ["Quantity discount", "5 % from 10 pumps, 9 % from 25 pumps"],
        ["Smallest order", "EUR 150; below that a fee of EUR 35"],
        ["Packing", "Sea freight crate EUR 190 a pump"],
    ],
}

BUDGET = {
    "2026年预算": [
        ["部门", "负责人", "年度预算（万元）", "已使用（万元）"],
        ["生产部", "何志刚", 1860, 1395],
        ["质量部", "魏国强", 320, 251],
        ["研发部", "沈思远", 940, 612],
        ["人力资源部", "周敏", 185, 140],
        ["行政部", "吴婷", 210, 176],
    ],
    "设备采购": [
        ["设备名称", "型号", "数量", "金额（万元）", "供应商"],
        ["三坐标测量机", "CMM-8106", 1, 76, "青岛精测仪器有限公司"],
        ["水泵综合试验台", "PT-300", 1, 128, "合肥流体试验设备有限公司"],
        ["空压机", "GA-37", 2, 19, "无锡恒动机械有限公司"],
    ],
}

# ---------------------------------------------------------------- texts: mail and other encodings

WARRANTY_MAIL = """Dear service team,

on 19 May 2026 two of our AX-200 pumps in the brewing hall stopped with error E-4021. Serial numbers:
AX2-061877 and AX2-061878, 4,310 operating hours each. The inlet valve was open, so we believe that the level sensor
gave a wrong signal. The event log is attached.

Production stood still for 11 hours. Please send a fitter this week, and tell us whether the warranty
covers the repair. Our purchase order was PO-BZ-7741.

Kind regards,
Lotte Verhagen
Technical manager, Brouwerij De Zwaan, Breda
"""
EVENT_LOG = """time,pump,event,pressure_bar
2026-05-19T03:12:40,AX2-061877,inlet pressure falling,0.9
2026-05-19T03:14:02,AX2-061877,E-4021,0.2
2026-05-19T03:14:05,AX2-061878,E-4021,0.2
2026-05-19T03:20:31,AX2-061877,reset by operator M. Pols,0.3
2026-05-19T03:21:10,AX2-061877,E-4021,0.1
"""
COMPLAINT_MAIL = """郭经理：

您好！我司于2026年8月3日订购的6台 S-65 流量传感器（订单号 RZ-20260803-05）原定8月20日到货，实际9月2日才收到，延误13天，
导致三号泵站改造工程停工。

另外，其中一台（序列号 S65-10162）显示屏不亮，请尽快更换。我司要求：
1. 9月10日前更换故障传感器；
2. 就延误一事给予货款5%的折扣。

盼复。

苏州润泽水务有限公司 设备科 顾海燕
"""
QUOTE_MAIL = """Dear Mr Ferreira,

thank you for quotation Q-2026-0915. We would like to order 14 AX-350 pumps for the second line of our
plant at the price of EUR 7,154 a piece that you offered, with delivery to Valletta before 15 February 2027. Please confirm
that the pumps come with bronze impellers, as sea water spray reaches the hall.

Our bank needs the invoice to name contract HD-44-B.

Best regards,
Marcus Zammit
Purchasing, Harbour Desalination Ltd
"""
TRAINING_NOTICE = """关于开展消防安全培训的通知

各部门：
    为提高全体员工的消防安全意识，公司定于2026年11月6日（星期五）下午13:30在一号厂房东侧空地举行消防安全培训，
由园区消防大队教官邱振东授课。

一、参加人员：各部门至少三分之二的员工，一线班组长必须参加。
二、培训内容：灭火器的使用、疏散路线、急救常识。
三、报名截止：10月30日，报名请联系行政部，分机 6603。
四、培训后进行考试，80分为合格，不合格者需补考。

                                        行政部
                                        2026年10月19日
"""
INSTALL_NOTE = """S-65 流量传感器安装说明

1. 直管段要求：传感器上游不少于10倍管径，下游不少于5倍管径。
2. 传感器应安装在管道的最低段或上升段，避免气泡积聚。
3. 接地电阻不大于4欧姆。
4. 法兰螺栓按对角顺序拧紧，DN80 的拧紧力矩为50牛·米，DN150 为90牛·米。
5. 首次通水后静置20分钟，再执行零点校准：长按 SET 键8秒，屏幕显示 ZERO 后松开。
6. 电缆最长不超过120米，须使用屏蔽电缆，并与动力电缆分开敷设。
"""

# ---------------------------------------------------------------- writers


def blocks(text):
    """Yields ("h1" | "h2" | "item" | "text" | "page", str) and ("table", rows)."""
    rows = []
    for line in [*text.strip().splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if rows:
            yield "table", rows
            rows = []
        for mark, kind in (("## ", "h2"), ("# ", "h1"), ("- ", "item"), ("---", "page"), ("", "text")):
            if line and line.startswith(mark):
                yield kind, line[len(mark):]
                break


def write_office(path, document):
    """Saves an office document with fixed times in the archive and in its properties."""
    raw = io.BytesIO()
    document.save(raw)
    path = CORPUS / path
    stamp = DATE.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>" + stamp, data)
            info = zipfile.ZipInfo(name, DATE.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, data)


def write_docx(path, text, author):
    document = docx.Document()
    document.core_properties.author = author
    document.core_properties.created = document.core_properties.modified = DATE
    normal = document.styles["Normal"]
    normal.font.name = "Calibri"
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), "SimSun")
    for kind, content in blocks(text):
        if kind == "table":
            table = document.add_table(len(content), len(content[0]), style="Table Grid")
            for row, cells in zip(table.rows, content):
                for cell, value in zip(row.cells, cells):
                    cell.text = value
        elif kind in ("h1", "h2"):
            document.add_heading(content, int(kind[1]))
        else:
            document.add_paragraph(content, style="List Bullet" if kind == "item" else None)
    write_office(path, document)


def write_xlsx(path, sheets, author):
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.creator = author
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cell in sheet[1]:
            cell.font = openpyxl.styles.Font(bold=True)
        sheet.freeze_panes = "A2"
        sheet.column_dimensions["B"].width = 36
    write_office(path, book)


def write_pptx(path, slides, author):
    deck = pptx.Presentation()
    deck.core_properties.author = author
    deck.core_properties.created = deck.core_properties.modified = DATE
    for title, lines, notes in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(lines)
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    write_office(path, deck)


def write_pdf(path, text, title, font, wrap):
    sheet = styles.getSampleStyleSheet()
    looks = {}
    for kind, base in (("h1", "Title"), ("h2", "Heading2"), ("text", "BodyText"), ("item", "BodyText")):
        looks[kind] = styles.ParagraphStyle(kind, sheet[base], fontName=font, wordWrap=wrap, leading=20 if kind == "h1" else 15)
    story = []
    for kind, content in blocks(text):
        if kind == "page":
            story.append(PageBreak())
        elif kind == "table":
            cells = [[Paragraph(cell, looks["text"]) for cell in row] for row in content]
            grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)])
            story += [Table(cells, style=grid), Spacer(1, 8)]
        else:
            story.append(Paragraph(content, looks[kind], bulletText="•" if kind == "item" else None))

    def footer(canvas, document):
        canvas.setFont(font, 8)
        canvas.drawString(72, 40, f"{title} - {document.page}")

    SimpleDocTemplate(str(CORPUS / path), title=title, author="Kadeflow Pumps B.V.", invariant=1).build(
        story, onFirstPage=footer, onLaterPages=footer)


def write_mail(path, sender, to, subject, date, text, attachment=None):
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"], message["Date"] = sender, to, subject, date
    message["Message-ID"] = f"<{pathlib.Path(path).name[:10]}@kadeflow.example>"  # the date; names may not be ASCII
    message.set_content(text, cte="base64" if not text.isascii() else "7bit")
    if attachment:
        name, content = attachment
        message.add_attachment(content, subtype="csv", filename=name, cte="base64")
        message.set_boundary("=_kadeflow_boundary")
    (CORPUS / path).write_bytes(message.as_bytes())


def main():
    pdfmetrics.registerFont(ttfonts.TTFont("MicroHei", CHINESE_FONT, subfontIndex=0))
    write_docx("hr/suzhou/员工手册.docx", HANDBOOK, "周敏")
    write_docx("legal/contracts/采购合同-机械密封.docx", SEAL_CONTRACT, "孙立新")
    write_xlsx("products/price-list-2026.xlsx", PRICE_LIST, "Tomás Ferreira")
    write_xlsx("sales/苏州预算-2026.xlsx", BUDGET, "孙立新")
    write_pptx("sales/board-update-q3-2026.pptx", BOARD_UPDATE, "Hanneke Blom")
    write_pptx("it/gateway/网关培训.pptx", TRAINING, "郭晓峰")
    write_pdf("products/ax-200/service-manual.pdf", SERVICE_MANUAL, "AX-200 service manual", "Helvetica", None)
    write_pdf("quality/incidents/质量事故报告-2026-07.pdf", QUALITY_REPORT, "质量事故报告 QA-2026-07", "MicroHei", "CJK")
    write_mail("mail/2026-05-20-warranty-claim.eml", "Lotte Verhagen <l.verhagen@dezwaan.example>", "claims@kadeflow.example",
               "AX-200 pumps stopped with E-4021", "Wed, 20 May 2026 09:14:00 +0200", WARRANTY_MAIL, ("event-log.csv", EVENT_LOG))
    write_mail("mail/2026-09-03-客户投诉.eml", "顾海燕 <guhaiyan@runze.example>", "郭晓峰 <guoxiaofeng@kadeflow.example>",
               "关于S-65流量传感器延期交货的投诉", "Thu, 03 Sep 2026 10:02:00 +0800", COMPLAINT_MAIL)
    write_mail("mail/2026-10-07-order-desalination.eml", "Marcus Zammit <m.zammit@harbour.example>", "t.ferreira@kadeflow.example",
               "Order for 14 AX-350, your quotation Q-2026-0915", "Wed, 07 Oct 2026 16:40:00 +0200", QUOTE_MAIL)
    (CORPUS / "hr/suzhou/消防培训通知.txt").write_bytes(TRAINING_NOTICE.encode("gb18030"))
    (CORPUS / "products/s-65-安装说明.txt").write_bytes(("\ufeff" + INSTALL_NOTE).encode("utf-16-le"))


if __name__ == "__main__":
    main()
