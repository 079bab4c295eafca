package shop

import "github.com/freshet-dw/freshet/platform/internal/shop/account"

// regions are ordered by how much is bought there.
var regions = []account.Region{
	{ID: 1, Province: "Guangdong", Area: "South"}, {ID: 2, Province: "Jiangsu", Area: "East"}, {ID: 3, Province: "Zhejiang", Area: "East"},
	{ID: 4, Province: "Shandong", Area: "East"}, {ID: 5, Province: "Shanghai", Area: "East"}, {ID: 6, Province: "Beijing", Area: "North"},
	{ID: 7, Province: "Henan", Area: "Central"}, {ID: 8, Province: "Sichuan", Area: "Southwest"}, {ID: 9, Province: "Hubei", Area: "Central"},
	{ID: 10, Province: "Fujian", Area: "East"}, {ID: 11, Province: "Hunan", Area: "Central"}, {ID: 12, Province: "Anhui", Area: "East"},
	{ID: 13, Province: "Hebei", Area: "North"}, {ID: 14, Province: "Liaoning", Area: "Northeast"}, {ID: 15, Province: "Shaanxi", Area: "Northwest"},
	{ID: 16, Province: "Jiangxi", Area: "East"}, {ID: 17, Province: "Chongqing", Area: "Southwest"}, {ID: 18, Province: "Guangxi", Area: "South"},
	{ID: 19, Province: "Yunnan", Area: "Southwest"}, {ID: 20, Province: "Tianjin", Area: "North"}, {ID: 21, Province: "Shanxi", Area: "North"},
	{ID: 22, Province: "Heilongjiang", Area: "Northeast"}, {ID: 23, Province: "Jilin", Area: "Northeast"}, {ID: 24, Province: "Guizhou", Area: "Southwest"},
	{ID: 25, Province: "Inner Mongolia", Area: "North"}, {ID: 26, Province: "Xinjiang", Area: "Northwest"}, {ID: 27, Province: "Gansu", Area: "Northwest"},
	{ID: 28, Province: "Hainan", Area: "South"}, {ID: 29, Province: "Ningxia", Area: "Northwest"}, {ID: 30, Province: "Qinghai", Area: "Northwest"},
	{ID: 31, Province: "Tibet", Area: "Southwest"},
}

// catalogue is what the shop sells; prices in cents.
var catalogue = []struct {
	name      string
	brands    []string
	things    []string
	low, high int64
}{
	{"Phones", []string{"Lumo", "Qinghe", "Northbay"}, []string{"Phone", "Phone Pro", "Phone Mini"}, 89900, 899900},
	{"Computers", []string{"Lumo", "Arbor", "Kestrel"}, []string{"Laptop", "Tablet", "Monitor", "Keyboard"}, 9900, 1299900},
	{"Home", []string{"Huayuan", "Oakline"}, []string{"Lamp", "Chair", "Shelf", "Bedding"}, 1990, 159900},
	{"Kitchen", []string{"Huayuan", "Tiegu", "Brio"}, []string{"Wok", "Kettle", "Rice Cooker", "Knife"}, 1590, 89900},
	{"Clothes", []string{"Silkway", "Peak", "Minghui"}, []string{"Shirt", "Jacket", "Dress", "Shoes"}, 2990, 129900},
	{"Food", []string{"Tianshan", "Riverside", "Laojia"}, []string{"Tea", "Noodles", "Nuts", "Honey"}, 590, 19900},
	{"Beauty", []string{"Yulan", "Aurea"}, []string{"Cream", "Perfume", "Soap"}, 1290, 69900},
	{"Books", []string{"Inkstone", "Lighthouse"}, []string{"Novel", "Atlas", "Cookbook"}, 990, 15900},
	{"Sport", []string{"Peak", "Velo"}, []string{"Racket", "Ball", "Bicycle", "Mat"}, 2490, 299900},
	{"Toys", []string{"Panda", "Brio"}, []string{"Blocks", "Puzzle", "Kite"}, 990, 39900},
}

var (
	family = []string{"Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Huang", "Zhou", "Wu", "Xu", "Sun", "Hu", "Zhu", "Gao", "Lin", "He", "Guo", "Ma", "Luo"}
	given  = []string{"Wei", "Fang", "Na", "Min", "Jing", "Li", "Qiang", "Lei", "Jun", "Yang", "Yong", "Yan", "Jie", "Juan", "Tao", "Ming", "Chao", "Xiulan", "Xia", "Ping"}

	methods  = []string{"ALIPAY", "WECHAT", "CARD", "BALANCE"}
	lines    = []string{"app", "web", "mini"}
	channels = []string{"direct", "search", "social", "ad", "mail", "push"}
	systems  = map[string][]string{"app": {"iOS", "Android", "HarmonyOS"}, "web": {"Windows", "macOS", "Linux"}, "mini": {"Android", "iOS", "HarmonyOS"}}
	versions = []string{"8.0.1", "8.1.0", "8.2.3", "9.0.0"}
	pages    = []struct{ kind, id string }{{"home", "home"}, {"list", "list"}, {"detail", "detail"}, {"cart", "cart"}, {"pay", "pay"}}
	agents   = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
		"curl/8.5.0", "-",
	}
)
